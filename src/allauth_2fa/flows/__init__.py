"""What happens, whoever asked: requests or users and plain values in, values or refusals out."""

"""What a proof is: each factor knows its devices and how an answer is judged, and no request, form or page."""

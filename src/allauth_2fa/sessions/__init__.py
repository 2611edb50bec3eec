"""What a session has proved, and how sessions end."""

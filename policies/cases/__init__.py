"""From failures to requests, and to the proof that they helped."""

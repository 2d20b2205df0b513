"""Touch, sound and sight."""

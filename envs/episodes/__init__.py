"""Recording episodes, keeping them, finding them again."""

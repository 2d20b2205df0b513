"""What people run; thin: parse, call, report."""

"""What people see: the state of all programs. It only listens to them, and none of them ever waits for it."""

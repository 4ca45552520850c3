"""Policy as pure decisions: who may associate, where objects go, when to try again, what may go. No I/O, no clock."""

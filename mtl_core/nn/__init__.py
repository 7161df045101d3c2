"""Network layers that trunks, heads and inputs are built of. They know nothing of a declared problem."""

"""Network layers that trunks, heads and inputs are built of. A module takes plain arguments."""

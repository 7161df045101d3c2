"""Network parts that trunks, heads and objectives are built of."""

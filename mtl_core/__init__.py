"""The library: what is declared, learned, measured and exported. No Prefect, DVC, BentoML or command line here."""

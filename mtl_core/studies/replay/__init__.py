"""Replay of past months through the retrain flow: what each cadence of retraining would have given."""

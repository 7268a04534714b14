"""How good a model is: metrics with confidence intervals, figures, comparison of models."""

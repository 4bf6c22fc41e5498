"""The kinds of figures and what they show; apart from them, since matplotlib takes a second to load."""

FIGURES = {
    "batch-size": "sparsity, alignment and sharpness against batch size",
    "phase": "how runs end, and when they get to one data point, by batch and step size",
    "collapse": "time to one data point, raw and on the random walk's clock",
    "shares": "shares of the data points along a run (needs record: ladder, weights: record)",
    "walk": "drift and variance of the log-ratio walk against prediction (needs walk: {bins: 32})",
    "timeline": "where the time went: ranks, blocks, waiting (from FILE.log)",
}

"""Simple plots of a report (Project.evaluate, Version.metrics), by matplotlib. Each draws into `ax`, by default a new figure's,
and gives it back. KeyError: the report has no such objective or part."""


def _axes(ax):
    if ax is None:
        import matplotlib.pyplot as plt
        ax = plt.figure(figsize=(4.5, 4)).add_subplot()
    return ax


def reliability(report, objective="pctr", ax=None):
    """Observed share of positives against mean probability, in 15 quantile bins; the diagonal is perfect calibration."""
    bins = report["objectives"][objective]["reliability"]
    ax = _axes(ax)
    top = max(max(b["mean_probability"], b["observed"]) for b in bins) * 1.05
    ax.plot([0, top], [0, top], color="0.7", linestyle="--", linewidth=1)
    ax.plot([b["mean_probability"] for b in bins], [b["observed"] for b in bins], marker="o")
    ax.set(xlabel="mean probability", ylabel="observed", title=f"{objective}: reliability", xlim=(0, top), ylim=(0, top))
    return ax


def lift(report, objective="pctr", ax=None):
    """Lift over the mean row by tenths of the rows, highest probability first."""
    tenths = report["objectives"][objective]["lift"]
    ax = _axes(ax)
    ax.bar(range(1, len(tenths) + 1), [b["lift"] for b in tenths])
    ax.axhline(1, color="0.7", linestyle="--", linewidth=1)
    ax.set(xlabel="tenth of the rows", ylabel="lift", title=f"{objective}: lift")
    return ax


def importance(report, objective="pctr", by="shap", most=20, ax=None):
    """The `most` important features: mean size of their SHAP values in margins, or `by="gain"` total gain of their splits."""
    features = sorted(report["objectives"][objective]["importance"], key=lambda f: f[by] or 0)[-most:]
    ax = _axes(ax)
    ax.barh([f["feature"] for f in features], [f[by] or 0 for f in features])
    ax.set(xlabel={"shap": "mean |SHAP|, margin", "gain": "total gain"}[by], title=f"{objective}: importance")
    return ax

"""How much age is in the features of a frozen network, and a map of the radiographs by them.

table = read_features("features.parquet")
print(ridge_probe(table).mae_months)
feature_map(table, "map.png")
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from carpal.distribution import MONTHS
from carpal.errors import InvalidArgument, MissingDependency
from carpal.files import replacing
from carpal.training.datasets import Dataset, Sample
from carpal.training.features import FeatureTable
from carpal.training.splits import make_folds

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["ProbeResult", "feature_map", "ridge_probe"]

Method = Literal["pca", "tsne", "umap"]
_ALPHAS = np.logspace(0, 6, 19)
_DRAWS = 2000


@dataclass(frozen=True, eq=False)
class ProbeResult:
    """Bone age by ridge regression on frozen features, every row predicted by a fit that never saw its id.

    ``predicted_months`` (N,) in the table's order; ``interval_months`` is the 95 % bootstrap interval of the MAE over
    ids; ``baseline_mae_months`` is that of the median age of the sex, in the same folds.
    """

    predicted_months: NDArray[np.float64]
    mae_months: float
    interval_months: tuple[float, float]
    baseline_mae_months: float
    alphas: tuple[float, ...]  # the penalty chosen in each fold


def ridge_probe(table: FeatureTable, *, folds: int = 5, seed: int = 0, with_sex: bool = True) -> ProbeResult:
    """Cross-validated ridge regression of age on features (and sex), standardised, its penalty chosen inside each fold.

    Folds are drawn by id, evenly over sex and age: copies of one radiograph stay together. Raises InvalidArgument
    where there are fewer ids than folds.
    """
    _sklearn()
    columns = table.features.astype(np.float64)
    boys = np.array([sex == "M" for sex in table.sex])
    if with_sex:
        columns = np.column_stack([columns, boys])
    ids = np.array(table.ids)
    predicted, baseline = np.zeros(len(table)), np.zeros(len(table))
    alphas = []
    for split in make_folds(_as_dataset(table), folds=folds, seed=seed):
        held_back = np.isin(ids, split.test)
        learns = ~held_back
        predicted[held_back], alpha = _ridge(columns[learns], table.age_months[learns], ids[learns], columns[held_back])
        alphas.append(alpha)
        for sex in (boys, ~boys):
            known = table.age_months[learns & sex]
            baseline[held_back & sex] = np.median(known if len(known) else table.age_months[learns])
    errors = np.abs(np.clip(predicted, MONTHS[0], MONTHS[-1], out=predicted) - table.age_months)
    return ProbeResult(
        predicted_months=predicted,
        mae_months=float(errors.mean()),
        interval_months=_bootstrap(errors, ids, seed),
        baseline_mae_months=float(np.abs(baseline - table.age_months).mean()),
        alphas=tuple(alphas),
    )


def _sklearn() -> None:
    try:
        import sklearn  # noqa: F401
    except ImportError as error:
        raise MissingDependency("this needs scikit-learn: pip install 'carpal[train]'") from error


def _as_dataset(table: FeatureTable) -> Dataset:
    rows = zip(table.ids, table.age_months.tolist(), table.sex, table.groups, strict=True)
    return Dataset(Path(), tuple(Sample(name, Path(), age, sex, group) for name, age, sex, group in rows))


def _ridge(
    columns: NDArray[np.float64], age: NDArray[np.float64], ids: NDArray[np.str_], wanted: NDArray[np.float64]
) -> tuple[NDArray[np.float64], float]:
    """Predictions for ``wanted`` and the chosen penalty."""
    from sklearn.linear_model import RidgeCV
    from sklearn.model_selection import GroupKFold

    centre, spread = columns.mean(0), columns.std(0)
    spread[spread < 1e-8] = 1.0
    columns, wanted = (columns - centre) / spread, (wanted - centre) / spread
    inner = None  # leave-one-out, for which ridge regression has a closed form
    kinds = len(set(ids.tolist()))
    if 3 <= kinds < len(ids):  # copies of one id would choose too small a penalty for one another
        inner = list(GroupKFold(min(5, kinds)).split(columns, groups=ids))
    model = RidgeCV(_ALPHAS, cv=inner, scoring="neg_mean_squared_error").fit(columns, age)
    return model.predict(wanted), float(model.alpha_)


def _bootstrap(errors: NDArray[np.float64], ids: NDArray[np.str_], seed: int) -> tuple[float, float]:
    """95 % interval of the mean error when ids, not rows, are drawn again."""
    _, member = np.unique(ids, return_inverse=True)
    sums, counts = np.bincount(member, errors), np.bincount(member)
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(len(sums), np.full(len(sums), 1 / len(sums)), size=_DRAWS)
    low, high = np.quantile((drawn @ sums) / (drawn @ counts), [0.025, 0.975])
    return float(low), float(high)


def feature_map(table: FeatureTable, out_png: str | Path, *, method: Method = "pca", seed: int = 0) -> Path:
    """Draw the radiographs in two dimensions, coloured by age and by sex side by side; returns the PNG's path.

    ``method`` is ``pca``, ``tsne`` (scikit-learn's) or ``umap`` (needs umap-learn; raises MissingDependency). Raises
    InvalidArgument for fewer than four radiographs.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    out_png = Path(out_png)
    if out_png.suffix.lower() != ".png":
        raise InvalidArgument(f"{out_png}: the map is a .png file")
    points, names = _project(table, method, seed)
    figure = Figure(figsize=(11, 5), layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    by_age, by_sex = figure.subplots(1, 2, sharex=True, sharey=True)
    size = float(np.clip(12000 / len(table), 4, 30))
    order = np.random.default_rng(seed).permutation(len(table))  # no class lies on top for its place in the table
    points, ages = points[order], table.age_months[order]
    drawn = by_age.scatter(*points.T, s=size, c=ages, cmap="viridis", linewidths=0)
    figure.colorbar(drawn, ax=by_age, label="bone age (months)")
    colours = {"F": "#d1662b", "M": "#2f6f9f"}
    by_sex.scatter(*points.T, s=size, c=[colours[table.sex[k]] for k in order], linewidths=0, alpha=0.6)
    for sex, name in (("F", "girls"), ("M", "boys")):
        by_sex.scatter([], [], color=colours[sex], label=f"{name} ({table.sex.count(sex)})")
    by_sex.legend(frameon=False, loc="best")
    _name_axes(by_age, names, f"{len(table)} radiographs by bone age")
    _name_axes(by_sex, (names[0], ""), "by sex")
    figure.suptitle(f"{table.origin.backbone}, {table.origin.weights}", fontsize=9, color="#5c6b78")
    with replacing(out_png) as part:
        figure.savefig(part, format="png", dpi=130)
    return out_png


def _name_axes(axes: Axes, names: tuple[str, str], title: str) -> None:
    axes.set(xlabel=names[0], ylabel=names[1])
    axes.set_title(title, loc="left", fontsize=11)
    axes.spines[["top", "right"]].set_visible(False)


def _project(table: FeatureTable, method: Method, seed: int) -> tuple[NDArray[np.float64], tuple[str, str]]:
    """(N, 2) places and what the two axes are called."""
    if method not in ("pca", "tsne", "umap"):
        raise InvalidArgument(f"a map is made by pca, tsne or umap, not {method!r}")
    if len(table) < 4:
        raise InvalidArgument(f"{len(table)} radiographs make no map: it takes four")
    if method == "umap":
        try:
            from umap import UMAP
        except ImportError as error:
            raise MissingDependency("this map needs umap-learn: pip install umap-learn, or choose pca") from error
    _sklearn()
    # Not standardised: a feature that fires in a dozen radiographs only would stretch the map to those few.
    columns = table.features.astype(np.float64)
    scores, shares = _principal(columns, min(50, *columns.shape), seed)
    if method == "pca":
        second = scores[:, 1] if scores.shape[1] > 1 else np.zeros(len(table))
        shares = [*shares, 0.0]
        axes = (f"component 1 ({shares[0]:.0%} of variance)", f"component 2 ({shares[1]:.0%})")
        return np.column_stack([scores[:, 0], second]), axes
    if method == "tsne":
        from sklearn.manifold import TSNE

        perplexity = min(30.0, (len(table) - 1) / 3)
        return TSNE(perplexity=perplexity, init="pca", random_state=seed).fit_transform(scores), ("t-SNE 1", "t-SNE 2")
    neighbours = min(15, len(table) - 1)
    return UMAP(n_neighbors=neighbours, random_state=seed).fit_transform(scores), ("UMAP 1", "UMAP 2")


def _principal(columns: NDArray[np.float64], count: int, seed: int) -> tuple[NDArray[np.float64], list[float]]:
    from sklearn.decomposition import PCA

    model = PCA(count, random_state=seed)
    return model.fit_transform(columns), model.explained_variance_ratio_.tolist()

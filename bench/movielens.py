#!/usr/bin/env python3
"""Recall and NDCG of the sources of candidates on MovieLens-100k, beside item-knn and ALS of `implicit`.

    bench/movielens.py --candidates build/release/movielens_candidates --data FOLDER

FOLDER holds ml-100k.inter and ml-100k.item. All ratings are split by one time: the first 80 % are what is known, and of every user on both sides the
rest that they had not rated before is what is to be found. A source gives 20 items. --tiny makes up a small set of users and films, and says nothing
of quality but that the co-occurrence of films that belong together is found.
"""
import argparse
import math
import pathlib
import random
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from support.peers import run_in

TRAIN, MOST, SEEDS = 0.8, 20, 5
BEFORE = {0.5: 0.6, 0.6: 0.7, 0.7: 0.8}  # Splits within the known part: what is known, and until where the rest is to be found.
ALPHA = 10  # As [index] alpha: a rating has confidence 1 + ALPHA, which `implicit` calls alpha.


def make_up(folder):
    """Four kinds of films, and users who like one: films of a kind are seen together."""
    dice = random.Random(4)
    with open(folder / "ml-100k.item", "w") as items:
        items.write("item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq\n")
        for film in range(120):
            items.write(f"f{film}\tFilm {film}\t1990\tDrama\n")
    with open(folder / "ml-100k.inter", "w") as ratings:
        ratings.write("user_id:token\titem_id:token\trating:float\ttimestamp:float\n")
        for step in range(4000):
            user = dice.randrange(160)
            film = dice.randrange(30) * 4 + user % 4 if dice.random() < 0.9 else dice.randrange(120)
            ratings.write(f"u{user}\tf{film}\t4\t{880000000 + step * 600}\n")


def read(folder, train=TRAIN, until=1.0):
    rows = [line.rstrip("\n").split("\t") for line in open(folder / "ml-100k.inter")][1:]
    rows = sorted((int(float(at)), user, item) for user, item, _, at in rows)
    cut, end = int(train * len(rows)), int(until * len(rows))
    known, wanted = {}, {}
    for _, user, item in rows[:cut]:
        known.setdefault(user, set()).add(item)
    for _, user, item in rows[cut:end]:
        if user in known and item not in known[user]:
            wanted.setdefault(user, set()).add(item)
    return rows[:cut], known, wanted


def ndcg_of(found, wanted):
    """Of each user."""
    gain = [1 / math.log2(2 + place) for place in range(MOST)]
    return {user: sum(gain[place] for place, item in enumerate(found.get(user, [])[:MOST]) if item in items) / sum(gain[:len(items)])
            for user, items in wanted.items()}


def judge(found, wanted):
    recall = sum(len(items.intersection(found.get(user, [])[:MOST])) / min(len(items), MOST) for user, items in wanted.items())
    return recall / len(wanted), sum(ndcg_of(found, wanted).values()) / len(wanted)


def apart(a, b, wanted):
    """How much better `a` is than `b` by NDCG, as a mean over users, and two of its standard errors."""
    of_a, of_b = ndcg_of(a, wanted), ndcg_of(b, wanted)
    by_user = [of_a[user] - of_b[user] for user in wanted]
    mean = sum(by_user) / len(by_user)
    return mean, 2 * math.sqrt(sum((d - mean) ** 2 for d in by_user) / (len(by_user) - 1) / len(by_user))


def together(sources, weights, constant):
    """Reciprocal rank fusion (Cormack et al., 2009) of what the sources found, each with its weight."""
    fused = {}
    for user in set().union(*sources.values()):
        score = {}
        for name, found in sources.items():
            for place, item in enumerate(found.get(user, [])):
                score[item] = score.get(item, 0) + weights[name] / (constant + place)
        fused[user] = sorted(score, key=lambda item: (-score[item], item))[:MOST]
    return fused


def fit_fusion(splits, constants, steps):
    """The weights and the constant that are best on `splits` (pairs of sources and what is to be found), by one weight after another."""
    names = list(splits[0][0])

    def quality(weights, constant):
        return sum(judge(together(sources, weights, constant), wanted)[1] for sources, wanted in splits) / len(splits)

    best = (-1.0, {}, 0)
    for constant in constants:
        weights = dict.fromkeys(names, 1.0)
        reached, moved = quality(weights, constant), True
        while moved:
            moved = False
            for name in names:
                for weight in steps:
                    tried = quality({**weights, name: weight}, constant)
                    if tried > reached + 1e-9:
                        reached, weights, moved = tried, {**weights, name: weight}, True
        best = max(best, (reached, weights, constant), key=lambda fit: fit[0])
    return best[1], best[2]


def find(candidates, folder, train):
    """What each source finds for each user who is on both sides of `train`."""
    out = subprocess.run([candidates, folder / "ml-100k.inter", folder / "ml-100k.item", str(train)], check=True, text=True, capture_output=True)
    sources = {}
    for line in out.stdout.splitlines():
        source, user, items = line.split("\t")
        sources.setdefault(source, {})[user] = items.split()
    return sources


def without_als(sources):
    return {name: found for name, found in sources.items() if not name.startswith("als ")}


def peers(rows, known):
    import numpy
    from implicit.als import AlternatingLeastSquares
    from implicit.nearest_neighbours import CosineRecommender
    from scipy.sparse import csr_matrix
    users, items = sorted(known), sorted({item for _, _, item in rows})
    user_of, item_of = {u: k for k, u in enumerate(users)}, {i: k for k, i in enumerate(items)}
    pairs = sorted({(user_of[u], item_of[i]) for _, u, i in rows})
    matrix = csr_matrix((numpy.ones(len(pairs), "f4"), tuple(zip(*pairs))), shape=(len(users), len(items)))
    models = {"implicit item-knn": CosineRecommender(K=100), "implicit ALS (its alpha)": AlternatingLeastSquares(factors=64, random_state=1),
              **{f"implicit ALS {seed}": AlternatingLeastSquares(factors=64, alpha=1 + ALPHA, random_state=seed) for seed in range(1, SEEDS + 1)}}
    for name, model in models.items():
        model.fit(matrix, show_progress=False)
        best, _ = model.recommend(numpy.arange(len(users)), matrix, N=MOST, filter_already_liked_items=True)
        yield name, {user: [items[k] for k in best[user_of[user]] if k >= 0] for user in users}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--candidates", required=True)
    parser.add_argument("--data", type=pathlib.Path)
    parser.add_argument("--tiny", action="store_true")
    options = parser.parse_args()
    if not options.tiny and not (options.data and (options.data / "ml-100k.inter").exists()):
        print("SKIPPED: --data names no folder with ml-100k.inter and ml-100k.item (MovieLens-100k)")
        return
    if not options.tiny:
        run_in("movielens-venv", ["implicit==0.7.2", "numpy==1.26.4", "scipy==1.11.4", "tqdm==4.66.1", "threadpoolctl==3.2.0"])
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.data or pathlib.Path(scratch)
        if options.tiny:
            make_up(folder)
        rows, known, wanted = read(folder)
        sources = find(options.candidates, folder, TRAIN)
        splits = list(BEFORE.items())[-1:] if options.tiny else BEFORE.items()
        before = [(without_als(find(options.candidates, folder, train)), read(folder, train, until)[2]) for train, until in splits]
        weights, constant = fit_fusion(before, *(((1, 60), (0, 1)) if options.tiny else ((0.5, 1, 2, 5, 10, 30, 60), (0, 0.125, 0.25, 0.5, 1, 2, 4))))
    print(f"{len(rows)} ratings known, {len(wanted)} users with {sum(map(len, wanted.values()))} to be found\n{'':24} recall@20  NDCG@20")
    results = {**sources, "together (rank fusion)": together(without_als(sources), weights, constant)}
    if not options.tiny:
        results.update(peers(rows, known))
    figures = {name: judge(found, wanted) for name, found in results.items()}
    for als in ("als", "implicit ALS"):
        of_seeds = [figures.pop(f"{als} {seed}") for seed in range(1, SEEDS + 1) if f"{als} {seed}" in figures]
        if of_seeds:
            figures[als] = tuple(sum(f) / len(of_seeds) for f in zip(*of_seeds))
    for name, (recall, ndcg) in figures.items():
        print(f"{name:24} {recall:9.4f} {ndcg:8.4f}")
    if options.tiny:
        assert figures["embedding"][1] > 1.5 * figures["popularity"][1], figures
        assert figures["similar"][1] > 1.5 * figures["popularity"][1], figures
        return
    als, peer = figures["als"][1], figures["implicit ALS"][1]
    best = max(without_als(sources), key=lambda name: figures[name][1])
    for ours, theirs in (("similar", "implicit item-knn"), ("together (rank fusion)", best)):
        print("%s over %s: %+.4f +- %.4f" % (ours, theirs, *apart(results[ours], results[theirs], wanted)))
    print("fusion, fitted before the split: " + ", ".join(f"{name} {weight}" for name, weight in weights.items()) + f", constant {constant}")
    for what, met in {f"our ALS within 2 % of implicit's at equal factors and confidence, five seeds each ({als / peer:.3f})": als >= 0.98 * peer,
                      "similar not below item-knn": figures["similar"][1] >= figures["implicit item-knn"][1],
                      f"all together above the best single source ({best})": figures["together (rank fusion)"][1] > figures[best][1]}.items():
        print(f"{'met:   ' if met else 'MISSED:'} {what} by NDCG@20")


if __name__ == "__main__":
    main()

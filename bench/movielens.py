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

TRAIN, BEFORE, MOST, SEEDS = 0.8, 0.7, 20, 5
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


def read(folder, train=TRAIN):
    rows = [line.rstrip("\n").split("\t") for line in open(folder / "ml-100k.inter")][1:]
    rows = sorted((int(float(at)), user, item) for user, item, _, at in rows)
    cut = int(train * len(rows))
    end = len(rows) if train == TRAIN else int(TRAIN * len(rows))
    known, wanted = {}, {}
    for _, user, item in rows[:cut]:
        known.setdefault(user, set()).add(item)
    for _, user, item in rows[cut:end]:
        if user in known and item not in known[user]:
            wanted.setdefault(user, set()).add(item)
    return rows[:cut], known, wanted


def judge(found, wanted):
    recall = ndcg = 0.0
    for user, items in wanted.items():
        hits = [1 / math.log2(2 + place) for place, item in enumerate(found.get(user, [])[:MOST]) if item in items]
        recall += len(hits) / min(len(items), MOST)
        ndcg += sum(hits) / sum(1 / math.log2(2 + place) for place in range(min(len(items), MOST)))
    return recall / len(wanted), ndcg / len(wanted)


def together(sources, weights):
    """Reciprocal rank fusion (Cormack et al., 2009) of what the sources found, each with its weight."""
    fused = {}
    for user in set().union(*sources.values()):
        score = {}
        for name, found in sources.items():
            for place, item in enumerate(found.get(user, [])):
                score[item] = score.get(item, 0) + weights[name] / (60 + place)
        fused[user] = sorted(score, key=lambda item: (-score[item], item))[:MOST]
    return fused


def weights_of(sources, wanted):
    """By how good each source is on ratings before those that are to be found: its NDCG to the power that makes the best fusion there."""
    ndcg = {name: max(judge(found, wanted)[1], 1e-6) for name, found in sources.items()}
    best = max(range(9), key=lambda power: judge(together(sources, {name: n**power for name, n in ndcg.items()}), wanted)[1])
    return {name: n**best for name, n in ndcg.items()}


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
        sources, before = find(options.candidates, folder, TRAIN), find(options.candidates, folder, BEFORE)
        weights = weights_of(without_als(before), read(folder, BEFORE)[2])
    print(f"{len(rows)} ratings known, {len(wanted)} users with {sum(map(len, wanted.values()))} to be found\n{'':24} recall@20  NDCG@20")
    results = {**sources, "together (rank fusion)": together(without_als(sources), weights)}
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
    for what, met in {f"our ALS within 2 % of implicit's at equal factors and confidence, five seeds each ({als / peer:.3f})": als >= 0.98 * peer,
                      "similar not below item-knn": figures["similar"][1] >= figures["implicit item-knn"][1],
                      "all together above the best single source": figures["together (rank fusion)"][1] > max(figures[s][1] for s in without_als(sources))}.items():
        print(f"{'met:   ' if met else 'MISSED:'} {what} by NDCG@20")


if __name__ == "__main__":
    main()

"""gfr experiment analyze: equal to scipy, statsmodels, tea-tasting, spotify-confidence and confseq, computed here; edges and refusals."""
import json
import math
import subprocess
import sys
import types
import unittest

from gfr_process import GFR, Folder, run
from gfr_python import SITE, has_peer

sys.path[:0] = [str(p) for p in SITE]


def stub(*names):
    """Modules that a peer imports for tables and pictures, and that no test needs: whatever is asked of them is there."""
    class Anything(types.ModuleType):
        __path__ = []

        def __getattr__(self, name):
            if name.startswith("__"):
                raise AttributeError(name)
            return type(name, (), {})
    for name in names:
        sys.modules.setdefault(name, Anything(name))


def samples(seed=5, arms=2, n=4000):
    """By arm: values with a heavy tail, denominators and values from before, all by unit."""
    import numpy as np
    rng = np.random.default_rng(seed)
    out = []
    for a in range(arms):
        size = n + 173 * a
        before = rng.gamma(2.0, 3.0, size)
        count = 1.0 + rng.poisson(3 + before / 4)
        value = np.round(before * 0.7 + rng.lognormal(0.5, 0.8, size) + 0.3 * a + count * 0.2, 6)
        out.append({"value": value, "count": count, "before": before, "bit": (rng.random(size) < 0.11 + 0.02 * a).astype(float)})
    return out


def arm(name, y, x=None, pre=None, **more):
    json_arm = {"name": name, "n": len(y), "sum": float(y.sum()), "sum_squares": float((y * y).sum()), **more}
    if x is not None:
        json_arm |= {"denominator_sum": float(x.sum()), "denominator_sum_squares": float((x * x).sum()), "sum_products": float((x * y).sum())}
    if pre is not None:
        json_arm |= {"pre_sum": float(pre.sum()), "pre_sum_squares": float((pre * pre).sum()), "pre_post_sum_products": float((pre * y).sum())}
    return json_arm


def sequence(value, se, n, n_star=5000, alpha=0.05):
    """Waudby-Smith et al. 2021 , eq. 10 and 155: interval and always-valid p."""
    rho = math.sqrt((-2 * math.log(alpha) + math.log(-2 * math.log(alpha) + 1)) / n_star)
    half = se * math.sqrt(n) * math.sqrt(2 * (n * rho**2 + 1) / (n * rho) ** 2 * math.log(math.sqrt(n * rho**2 + 1) / alpha))
    e = math.exp(rho**2 * n * (value / se) ** 2 / (2 * (n * rho**2 + 1))) / math.sqrt(n * rho**2 + 1)
    return [value - half, value + half], min(1, 1 / e)


class Analyze(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.holder = Folder()
        cls.folder = cls.holder.__enter__()

    @classmethod
    def tearDownClass(cls):
        cls.holder.__exit__()

    def analyze(self, metric, arms, expect=0, **more):
        file = self.folder / "summary.json"
        file.write_text(json.dumps({"metric": metric, "arms": arms, **more}))
        out, error = run("experiment", "analyze", file, "--json", expect=expect)
        if expect:
            self.assertEqual(out, "")
            return error
        return json.loads(out)

    def near(self, ours, theirs, message=""):
        self.assertAlmostEqual(ours, theirs, delta=1e-6 * max(1e-3, abs(theirs)), msg=message)

    def test_means_are_welchs_of_scipy(self):
        from scipy import stats
        a, b = samples()
        got = self.analyze("mean", [arm("control", a["value"]), arm("treatment", b["value"])], sequential=False)
        effect = got["effects"][0]
        theirs = stats.ttest_ind(b["value"], a["value"], equal_var=False)
        interval = theirs.confidence_interval(0.95)
        self.near(effect["absolute"], b["value"].mean() - a["value"].mean())
        self.near(effect["se_absolute"], math.sqrt(a["value"].var(ddof=1) / len(a["value"]) + b["value"].var(ddof=1) / len(b["value"])))
        self.near(effect["p"], theirs.pvalue)
        self.near(effect["interval_absolute"][0], interval.low)
        self.near(effect["interval_absolute"][1], interval.high)
        self.assertIsNone(effect["theta"])
        chi = stats.chisquare([len(a["value"]), len(b["value"])])
        self.near(got["srm"]["p"], chi.pvalue)
        self.assertFalse(got["srm"]["flagged"])

    def test_proportions_are_the_z_test_of_statsmodels(self):
        if not has_peer("statsmodels"):
            self.skipTest("statsmodels is not in build/peers-venv")
        from statsmodels.stats.proportion import confint_proportions_2indep, test_proportions_2indep
        a, b = ((900, 11000), (1030, 11200))
        effect = self.analyze("proportion", [{"name": "c", "n": a[1], "sum": a[0]}, {"name": "t", "n": b[1], "sum": b[0]}], sequential=False)["effects"][0]
        theirs = test_proportions_2indep(b[0], b[1], a[0], a[1], method="wald", compare="diff")
        low, high = confint_proportions_2indep(b[0], b[1], a[0], a[1], method="wald", compare="diff")
        self.near(effect["p"], theirs.pvalue)
        self.near(effect["interval_absolute"][0], low)
        self.near(effect["interval_absolute"][1], high)

    def test_means_ratios_and_cuped_are_those_of_tea_tasting(self):
        if not has_peer("tea_tasting"):
            self.skipTest("tea-tasting is not in build/peers-venv")
        stub("ibis", "ibis.expr", "ibis.expr.operations", "ibis.expr.types", "ibis.backends")
        import numpy as np
        from tea_tasting.aggr import Aggregates
        from tea_tasting.metrics.mean import Mean, RatioOfMeans
        names = {"y": "value", "x": "count", "p": "before"}

        def aggregates(s):
            return Aggregates(count_=len(s["value"]), mean_={k: float(s[v].mean()) for k, v in names.items()},
                              var_={k: float(s[v].var(ddof=1)) for k, v in names.items()},
                              cov_={(i, j): float(np.cov(s[names[i]], s[names[j]])[0, 1]) for i in names for j in names if i < j})
        a, b = samples(7)
        for kind, metric, x, pre in (("mean", Mean("y"), None, None), ("ratio", RatioOfMeans("y", "x"), "count", None), ("mean", Mean("y", "p"), None, "before")):
            arms = [arm(n, s["value"], s.get(x), s.get(pre)) for n, s in (("control", a), ("treatment", b))]
            effect = self.analyze(kind, arms, sequential=False)["effects"][0]
            theirs = metric.analyze_aggregates(aggregates(a), aggregates(b))
            self.near(effect["absolute"], theirs.effect_size, kind)
            self.near(effect["interval_absolute"][0], theirs.effect_size_ci_lower, kind)
            self.near(effect["interval_absolute"][1], theirs.effect_size_ci_upper, kind)
            self.near(effect["relative"], theirs.rel_effect_size, kind)
            self.near(effect["p"], theirs.pvalue, kind)
            # Its relative interval is of the log: the same standard error, relative to the ratio.
            log_half = math.log1p(theirs.rel_effect_size_ci_upper) - math.log1p(theirs.rel_effect_size)
            half = (effect["interval_relative"][1] - effect["interval_relative"][0]) / 2
            self.near(half / (1 + effect["relative"]), log_half, kind)
            if pre:
                y, p = np.concatenate([a["value"], b["value"]]), np.concatenate([a["before"], b["before"]])
                self.near(effect["theta"], np.cov(y, p)[0, 1] / p.var(ddof=1))

    def test_the_z_test_of_spotify_confidence_agrees_for_proportions_and_its_t_test_for_means(self):
        if not has_peer("spotify_confidence") or not has_peer("statsmodels"):
            self.skipTest("spotify-confidence is not in build/peers-venv")
        stub("chartify", "bokeh", "bokeh.models", "bokeh.plotting", "ipywidgets", "IPython", "IPython.display")
        import pandas
        from spotify_confidence.analysis import constants as c
        from spotify_confidence.analysis.frequentist.confidence_computers import t_test_computer, z_test_computer
        a, b = samples(11)
        names = {c.NUMERATOR: "sum", c.DENOMINATOR: "n", c.NUMERATOR_SUM_OF_SQUARES: "squares"}
        # Its table code does not run with pandas 3: its tests are called as it calls them.
        for kind, column, test in (("proportion", "bit", z_test_computer), ("mean", "value", t_test_computer)):
            frame = pandas.DataFrame([{"sum": s[column].sum(), "squares": (s[column] ** 2).sum(), "n": float(len(s[column]))} for s in (a, b)])
            frame[c.POINT_ESTIMATE] = frame[c.ORIGINAL_POINT_ESTIMATE] = test.point_estimate(frame, **names)
            frame[c.VARIANCE] = test.variance(frame, **names)
            pair = pandas.DataFrame([{f"{key}{suffix}": frame[key][row] for key in ("n", c.POINT_ESTIMATE, c.VARIANCE) for row, suffix in ((0, c.SFX1), (1, c.SFX2))}])
            pair[c.DIFFERENCE] = pair[c.POINT_ESTIMATE + c.SFX2] - pair[c.POINT_ESTIMATE + c.SFX1]
            pair[c.STD_ERR] = test.std_err(pair, **names)
            pair[c.PREFERENCE_TEST], pair[c.NULL_HYPOTHESIS], pair["alpha"] = c.TWO_SIDED, 0.0, 0.05
            low, high = test.ci(pair, "alpha", **names)
            effect = self.analyze(kind, [arm("control", a[column]), arm("treatment", b[column])], sequential=False)["effects"][0]
            self.near(effect["absolute"], pair[c.DIFFERENCE][0])
            self.near(effect["se_absolute"], pair[c.STD_ERR][0])
            self.near(effect["p"], float(pandas.Series(test.p_value(pair, **names)).iloc[0]))
            self.near(effect["interval_absolute"][0], float(low[0]))
            self.near(effect["interval_absolute"][1], float(high[0]))

    def test_the_relative_effect_is_the_delta_method(self):
        from scipy import stats
        a, b = samples(13)
        effect = self.analyze("mean", [arm("control", a["value"]), arm("treatment", b["value"])], sequential=False)["effects"][0]
        ma, mb = a["value"].mean(), b["value"].mean()
        va, vb = a["value"].var(ddof=1) / len(a["value"]), b["value"].var(ddof=1) / len(b["value"])
        self.near(effect["relative"], mb / ma - 1)
        self.near(effect["se_relative"], math.sqrt(vb / ma**2 + va * mb**2 / ma**4))
        terms = (va * mb**2 / ma**4, vb / ma**2)
        df = sum(terms) ** 2 / sum(t * t / (len(s["value"]) - 1) for t, s in zip(terms, (a, b)))
        self.near(effect["p_relative"], 2 * stats.t.sf(abs(effect["relative"] / effect["se_relative"]), df))

    def test_the_watched_interval_is_the_asymptotic_sequence(self):
        a, b = samples(17)
        for more in ({}, {"sequential": True, "n_star": 20000, "alpha": 0.01}):
            effect = self.analyze("mean", [arm("control", a["value"]), arm("treatment", b["value"])], **more)["effects"][0]
            n = len(a["value"]) + len(b["value"])
            for which, p in (("absolute", "p"), ("relative", "p_relative")):
                interval, p_value = sequence(effect[which], effect["se_" + which], n, more.get("n_star", 5000), more.get("alpha", 0.05))
                self.near(effect["interval_" + which][0], interval[0])
                self.near(effect["interval_" + which][1], interval[1])
                self.near(effect[p], p_value)

    def test_the_sequence_and_the_early_conversions_are_those_of_confseq(self):
        if not has_peer("confseq"):
            self.skipTest("confseq is not in build/peers-venv")
        from confseq.boundaries import beta_binomial_log_mixture, normal_log_mixture, normal_mixture_bound
        a, b = samples(19)
        for alpha, n_star in ((0.05, 5000), (0.01, 20000)):
            effect = self.analyze("mean", [arm("control", a["value"]), arm("treatment", b["value"])], n_star=n_star, alpha=alpha)["effects"][0]
            n, tuned = len(a["value"]) + len(b["value"]), {"v_opt": n_star, "alpha_opt": alpha, "is_one_sided": False}
            # Theirs is a boundary of a sum whose variance is 1 a unit.
            for which, p in (("absolute", "p"), ("relative", "p_relative")):
                se = effect["se_" + which] * math.sqrt(n)
                half = se * float(normal_mixture_bound(n, alpha=alpha, **tuned)) / n
                self.near(effect["interval_" + which][0], effect[which] - half)
                self.near(effect["interval_" + which][1], effect[which] + half)
                self.near(effect[p], min(1, math.exp(-float(normal_log_mixture(n * effect[which] / se, n, **tuned)))))
        share, control, treatment, alpha = 0.05, 900, 10, 0.05
        got = self.analyze("proportion", [{"name": "c", "weight": 95, "n": 19000, "sum": control}, {"name": "t", "weight": 5, "n": 1000, "sum": treatment}])
        # 100 pseudo-counts on the design are their rho of 101 g h. They tune it by the variance at which it is best.
        gh, all_of_them = share * (1 - share), control + treatment
        v_opt = 101 * gh * (2 * math.log(1 / alpha) + math.log(1 + 2 * math.log(1 / alpha)))
        log_e = float(beta_binomial_log_mixture(treatment - share * all_of_them, all_of_them * gh, v_opt=v_opt, g=share, h=1 - share, alpha_opt=alpha, is_one_sided=False))
        self.assertEqual(got["decision"], "roll back")
        self.assertIn(f"p = {math.exp(-log_e):.3g}", got["reason"])

    def test_the_sequence_is_that_of_ville_tuned_at_the_same_n_but_for_its_rho(self):
        if not has_peer("ville"):
            self.skipTest("ville is not in build/peers-venv")
        from ville._boundaries import best_rho, normal_mixture
        for alpha in (0.05, 0.01):
            for n in (1000, 20000, 1000000):
                # Theirs is a boundary of the sum with variance 1 a unit; their rho is 1 / ours^2.
                ours = (-2 * math.log(alpha) + math.log(-2 * math.log(alpha) + 1)) / n
                width = normal_mixture(n, alpha, 1 / ours) / n
                interval, _ = sequence(0, 1 / math.sqrt(n), n, n, alpha)
                self.near(interval[1], float(width))
                self.assertLess(interval[1], 1.001 * float(normal_mixture(n, alpha, best_rho(n, alpha))) / n)

    def test_the_sample_ratio_is_flagged_and_makes_it_invalid(self):
        from scipy.special import gammaln
        import numpy as np
        for counts, weights, flagged in (((5000, 5000), None, False), ((52000, 50000), None, True), ((9500, 500), (95, 5), False),
                                         ((96000, 4800, 5300), (90, 5, 5), True)):
            arms = [{"name": str(i), "n": n, "sum": n // 10} | ({"weight": weights[i]} if weights else {}) for i, n in enumerate(counts)]
            got = self.analyze("proportion", arms)
            w = np.array(weights or (1, 1), float) / sum(weights or (1, 1))
            k, c = 1000 * w, np.array(counts)
            log_e = gammaln(1000) - gammaln(1000 + c.sum()) + (gammaln(k + c) - gammaln(k) - c * np.log(w)).sum()
            self.near(got["srm"]["p"], min(1, math.exp(-log_e)))
            self.assertEqual(got["srm"]["flagged"], flagged)
            self.assertEqual(got["decision"] == "invalid", flagged, got["reason"])

    def test_it_ships_what_is_better_and_rolls_back_what_is_worse(self):
        def decide(control, treatment, **more):
            return self.analyze("proportion", [{"name": "c", "n": 20000, "sum": control}, {"name": "t", "n": 20000, "sum": treatment}], **more)
        self.assertEqual(decide(1000, 1400)["decision"], "ship")
        self.assertEqual(decide(1000, 700)["decision"], "roll back")
        self.assertEqual(decide(1000, 1010)["decision"], "keep running")
        self.assertEqual(decide(1000, 1110)["decision"], "keep running")  # A look at 0.02 is not a watched one.
        self.assertEqual(decide(1000, 1110, sequential=False)["decision"], "ship")

    def test_several_arms_share_the_level_by_holm(self):
        arms = [{"name": "c", "n": 20000, "sum": 1000}] + [{"name": f"t{k}", "n": 20000, "sum": s} for k, s in enumerate((1095, 1000, 1001))]
        got = self.analyze("proportion", arms, sequential=False)
        self.assertEqual([e["arm"] for e in got["effects"]], ["t0", "t1", "t2"])
        self.assertLess(got["effects"][0]["p"], 0.05)
        self.assertEqual(got["decision"], "keep running")

    def test_nothing_is_decided_before_150_units_of_each_arm_have_a_value(self):
        def mean(nonzero, **more):
            return {"n": 10000, "sum": 50.0 * nonzero, "sum_squares": 2500.0 * nonzero, **more}
        got = self.analyze("mean", [{"name": "c", **mean(149)}, {"name": "t", **mean(900)}])
        self.assertLess(got["effects"][0]["p"], 0.05)
        self.assertEqual(got["decision"], "keep running")
        self.assertIn("'c' has by its sums at least 149", got["reason"])
        self.assertEqual(self.analyze("mean", [{"name": "c", **mean(150)}, {"name": "t", **mean(900)}])["decision"], "ship")
        # A heavy tail: the sums prove few, the caller knows more.
        heavy = {"n": 10000, "sum": 9000.0, "sum_squares": 2.0e6}
        other = {"n": 10000, "sum": 20000.0, "sum_squares": 5.0e6}
        self.assertEqual(self.analyze("mean", [{"name": "c", **heavy}, {"name": "t", **other}])["decision"], "keep running")
        self.assertEqual(self.analyze("mean", [{"name": "c", "nonzero": 700, **heavy}, {"name": "t", "nonzero": 800, **other}])["decision"], "ship")

    def test_few_conversions_are_judged_by_the_arm_that_each_falls_in(self):
        from scipy.special import betaln
        few = [{"name": "c", "weight": 95, "n": 19000, "sum": 900}, {"name": "t", "weight": 5, "n": 1000, "sum": 10}]
        got = self.analyze("proportion", few)
        self.assertEqual(got["decision"], "roll back")
        log_e = betaln(100 * 0.05 + 10, 100 * 0.95 + 900) - betaln(5, 95) - 10 * math.log(0.05) - 900 * math.log(0.95)
        self.assertIn(f"p = {math.exp(-log_e):.3g}", got["reason"])
        few[1]["sum"] = 40
        self.assertEqual(self.analyze("proportion", few)["decision"], "keep running")

    def test_what_does_not_exist_is_null(self):
        got = self.analyze("mean", [{"name": "c", "n": 0, "sum": 0, "sum_squares": 0}, {"name": "t", "n": 5, "sum": 5, "sum_squares": 9}])
        effect = got["effects"][0]
        for key in ("absolute", "se_absolute", "interval_absolute", "p", "relative", "se_relative", "interval_relative", "p_relative", "theta"):
            self.assertIsNone(effect[key], key)
        self.assertEqual((got["decision"], got["reason"]), ("keep running", "arm 'c' has no units"))
        got = self.analyze("mean", [{"name": "c", "n": 0, "sum": 0, "sum_squares": 0}, {"name": "t", "n": 0, "sum": 0, "sum_squares": 0}])
        self.assertEqual((got["srm"]["p"], got["decision"]), (1, "keep running"))
        # All values equal: a difference without an error is no evidence.
        for value in (0.1, 3.0):
            one = {"n": 500, "sum": 500 * value, "sum_squares": 500 * value * value}
            two = {"n": 500, "sum": 500 * (value + 1), "sum_squares": 500 * (value + 1) ** 2}
            for sequential in (True, False):
                got = self.analyze("mean", [{"name": "c", **one}, {"name": "t", **two}], sequential=sequential)
                self.near(got["effects"][0]["absolute"], 1)
                self.assertEqual(got["effects"][0]["se_absolute"], 0)
                self.assertIsNone(got["effects"][0]["p"])
                self.assertEqual(got["decision"], "keep running")
        got = self.analyze("proportion", [{"name": "c", "n": 1000, "sum": 0}, {"name": "t", "n": 1000, "sum": 400}])
        self.assertIsNone(got["effects"][0]["relative"])
        self.assertEqual(got["decision"], "ship")

    def test_a_constant_covariate_changes_nothing(self):
        a, b = samples(19)
        plain = self.analyze("mean", [arm("c", a["value"]), arm("t", b["value"])])["effects"][0]
        with_it = self.analyze("mean", [arm("c", a["value"], pre=0 * a["value"] + 2), arm("t", b["value"], pre=0 * b["value"] + 2)])["effects"][0]
        self.assertEqual(with_it.pop("theta"), 0)
        self.assertIsNone(plain.pop("theta"))
        self.assertEqual(plain, with_it)

    def test_wrong_input_is_refused_with_exit_2_by_arm_and_key(self):
        good = [{"name": "c", "n": 100, "sum": 10, "sum_squares": 20}, {"name": "t", "n": 100, "sum": 12, "sum_squares": 20}]

        def changed(index=1, remove=None, **keys):
            arms = [dict(a) for a in good]
            arms[index].update(keys)
            arms[index].pop(remove, None)
            return arms
        for metric, arms, more, says in (
                ("mean", good[:1], {}, "at least one more"),
                ("mean", [], {}, "0 of them"),
                ("mean", {}, {}, "list"),
                ("median", good, {}, "valid are mean, proportion, ratio"),
                ("mean", changed(remove="sum_squares"), {}, "arms[1]: 'sum_squares' is missing"),
                ("mean", changed(remove="n"), {}, "arms[1]: 'n' is missing"),
                ("mean", changed(name="c"), {}, "two arms are named 'c'"),
                ("mean", changed(n=-1), {}, "'n' must be a count"),
                ("mean", changed(n=1.5), {}, "'n' must be a count"),
                ("mean", changed(n="100"), {}, "'n' must be a number"),
                ("mean", changed(sum=1000), {}, "no n values have these sums"),
                ("mean", changed(n=0), {}, "no n values have these sums"),
                ("mean", changed(weight=0), {}, "'weight' must be above 0"),
                ("proportion", changed(0, sum=101, sum_squares=101), {}, "between 0 and n"),
                ("proportion", good, {}, "must equal 'sum'"),
                ("ratio", good, {}, "'denominator_sum' is missing"),
                ("mean", changed(pre_sum=1), {}, "'pre_sum_squares' is missing"),
                ("mean", changed(pre_sum=1, pre_sum_squares=1, pre_post_sum_products=0.5), {}, "all arms or none; 'c' has none"),
                ("mean", changed(pre_sum=0, pre_sum_squares=1, pre_post_sum_products=90), {}, "correlation would be above 1"),
                ("mean", good, {"alpha": 0}, "'alpha' must be between 0 and 1"),
                ("mean", good, {"alpha": 1.5}, "'alpha' must be between 0 and 1"),
                ("mean", good, {"n_star": 0}, "'n_star' must be above 0"),
                ("mean", good, {"sequential": 1}, "'sequential' must be true or false")):
            self.assertIn(says, self.analyze(metric, arms, expect=2, **more))
        for text in ("", "{", "[]", "7", '{"metric": "mean", "arms": [NaN]}', '{"arms": []}', '{"metric": "mean", "arms": [1e999, 1]}'):
            (self.folder / "bad.json").write_text(text)
            _, error = run("experiment", "analyze", self.folder / "bad.json", "--json", expect=2)
            self.assertIn("bad.json", error)
        run("experiment", "analyze", self.folder / "absent.json", "--json", expect=2)

    def test_a_key_that_is_not_read_is_named(self):
        got = self.analyze("mean", [{"name": "c", "n": 10, "sum": 1, "sum_squares": 1, "sumsquares": 3}, {"name": "t", "n": 10, "sum": 1, "sum_squares": 1}], nstar=3)
        self.assertEqual(got["notes"], ["arms[0]: 'sumsquares' is not read", "summary: 'nstar' is not read"])

    def test_people_get_lines(self):
        (self.folder / "s.json").write_text(json.dumps({"metric": "proportion", "arms": [{"name": "c", "n": 20000, "sum": 1000}, {"name": "t", "n": 20000, "sum": 1400}]}))
        done = subprocess.run([GFR, "experiment", "analyze", str(self.folder / "s.json")], capture_output=True, text=True, timeout=600)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertTrue(done.stdout.startswith("ship: arm 't' is better than the control"), done.stdout)


if __name__ == "__main__":
    unittest.main()

// Distributions: tail probabilities and quantiles of the normal, Student's t, chi-square and beta distributions
// (Boost.Math). NaN in, NaN out; a probability outside (0, 1) or a parameter that is not positive gives NaN.
//
// Thread safety: pure functions.
#pragma once

namespace gfr {

double NormalUpper(double z);              // P(Z > z).
double NormalQuantile(double p);           // z with P(Z <= z) = p.
double StudentUpper(double t, double df);  // P(T > t). `df` may be infinite: the normal distribution.
double StudentQuantile(double p, double df);
double ChiSquareUpper(double x, double df);
double LogGamma(double x);
double LogBeta(double a, double b);                    // ln B(a, b).
double RegularizedBeta(double a, double b, double x);  // I_x(a, b) = P(Beta(a, b) <= x); x is limited to [0, 1].

}  // namespace gfr

// What structure/feature_symbols must find.
#include <cmath>

namespace arrow {
int Planted();
}

double PlantedExp(double x) { return std::exp(x) + std::pow(x, 1.5) + arrow::Planted(); }

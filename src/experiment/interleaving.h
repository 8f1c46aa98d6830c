// Interleaving: two rankings merged into one slate, so that one user's clicks say which of them they prefer.
//
// Merged slates are those whose every prefix is the union of a prefix of each ranking (optimised interleaving,
// Radlinski and Craswell 2013). Each is drawn with a probability of its own, by a coin at each position where the two
// rankings' next items differ; given the items above, either item has at least kLeastChance.
//
// An item's credit is what the first ranking's slate shows of it more than the second's: the difference of examination
// weights of its two ranks (0 where a ranking does not show it), doubled where only one shows it, since it is then
// shown half as often. The coins are weighted so that the mean credit of every position is zero: whoever clicks without
// looking, to any depth, has an expected credit of zero. Where no weights achieve that at a position, given those
// above, the position has no credit. Positions that are fixed beforehand (pins, what is explored) have none either, and
// nor have those where the rankings agree.
//
// The coins' probabilities are found position by position over the states that slates of that length can be in, of
// which there are at most as many as positions: O(size^2) in all. Thread safety: immutable.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/rng.h"

namespace gfr {

// How much a position is examined, from 0: (1 + position)^-exponent.
struct ExaminationCurve {
  double exponent = 0.5;
  double At(std::size_t position) const;
};

// A position where a coin chose.
struct InterleavingChoice {
  std::size_t position = 0;
  std::uint32_t shown = 0, other = 0;  // Items.
  double probability = 0;              // Of `shown`, given the items above.
};

struct InterleavedSlate {
  std::vector<std::uint32_t> items;  // By position.
  std::vector<double> credit;        // By position: above 0 for the first ranking.
  std::vector<InterleavingChoice> choices;
  double probability = 1;  // Of this slate among all: the product over the choices.
};

class Interleaving {
 public:
  static constexpr double kLeastChance = 0.05;
  static constexpr std::uint32_t kFree = UINT32_MAX;

  // `first`, `second`: rankings of items, best first; what they say beyond `size` is not used. `fixed`: by position the
  // item that stands there whatever the rankings say, or kFree; positions beyond its end are free. A slate is shorter
  // than `size` where the rankings have fewer items. REQUIRES: no ranking, nor `fixed`, has an item twice.
  Interleaving(std::span<const std::uint32_t> first, std::span<const std::uint32_t> second, std::size_t size,
               std::span<const std::uint32_t> fixed = {}, ExaminationCurve curve = {});

  InterleavedSlate Draw(Rng& rng) const;
  // Whether any position has a credit.
  bool has_credit() const;
  // Of every position, over all slates: zero but for rounding.
  std::vector<double> MeanCredits() const;

  // How many slates there are.
  double Slates() const;
  // All slates, with their probabilities and credits: there may be 2^size.
  std::vector<InterleavedSlate> All() const;

 private:
  // What a slate of some length leaves: the first item of each ranking that is not in it.
  struct State {
    std::size_t first, second;        // Indexes into the rankings; their size: none is left.
    double reached;                   // Probability.
    double chance;                    // That the first ranking's item is next; 1 or 0 where there is nothing to choose.
    std::size_t if_first, if_second;  // States of the next length.
  };
  using Level = std::vector<State>;

  void Expand(Level* level, Level* next);
  bool Balance(Level* level) const;
  std::uint32_t First(const State& s) const { return first_[s.first].item; }
  std::uint32_t Second(const State& s) const { return second_[s.second].item; }
  bool IsChoice(const State& s) const;
  double CreditOf(const State& s, bool takes_first) const;

  struct Ranked {
    std::uint32_t item;
    std::size_t rank_of_other;  // Index in the other ranking; its size: it is not there.
    double credit;
  };
  void Rank(std::span<const std::uint32_t> first, std::span<const std::uint32_t> second, ExaminationCurve curve);

  std::vector<std::uint32_t> fixed_;    // By position of the slate.
  std::vector<std::size_t> positions_;  // Of free positions, in order; as many as levels.
  std::vector<Ranked> first_, second_;
  std::vector<Level> levels_;      // States before each free position is filled.
  std::vector<bool> is_credited_;  // By level.
};

}  // namespace gfr

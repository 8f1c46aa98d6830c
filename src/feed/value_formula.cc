#include "feed/value_formula.h"

#include <algorithm>
#include <set>
#include <utility>

namespace gfr {
namespace {

using Kind = Expression::Step::Kind;
constexpr std::size_t kMaxProducts = 256;

// The products of objectives that a formula adds up, each as a bit an objective (of `bits`, by name; 0: none).
Result<std::set<std::uint64_t>> ProductsOf(const Expression& formula, const std::vector<std::uint64_t>& bits) {
  std::vector<std::set<std::uint64_t>> stack;
  for (const Expression::Step& step : formula.steps()) {
    if (step.kind == Kind::kNumber || step.kind == Kind::kName) {
      stack.push_back({step.kind == Kind::kName ? bits[step.name] : 0});
    } else if (step.kind != Kind::kNegate) {
      const std::set<std::uint64_t> right = std::move(stack.back());
      stack.pop_back();
      std::set<std::uint64_t>& left = stack.back();
      if (step.kind == Kind::kAdd || step.kind == Kind::kSubtract) {
        left.insert(right.begin(), right.end());
      } else {
        std::set<std::uint64_t> products;
        for (const std::uint64_t a : left) {
          for (const std::uint64_t b : right) products.insert(a | b);
        }
        left = std::move(products);
      }
      if (left.size() > kMaxProducts)
        return Error{ErrorCode::kInvalidArgument, "'" + formula.text() + "' multiplies too many objectives"};
    }
  }
  return stack.back();
}

// Whether the objectives can be put in an order in which the population of each is the label of the one before.
bool IsChain(std::vector<const ValueNames::Objective*> of) {
  std::ranges::sort(of);
  do {
    bool chain = true;
    for (std::size_t i = 1; chain && i < of.size(); ++i) chain = of[i]->population == of[i - 1]->label;
    if (chain) return true;
  } while (std::ranges::next_permutation(of).found);
  return false;
}

Status CheckProducts(const Expression& formula, const ValueNames& names, const std::vector<std::uint32_t>& used) {
  std::vector<std::uint64_t> bits(names.objectives.size() + names.properties.size());
  if (used.size() > 64)
    return Error{ErrorCode::kInvalidArgument, "'" + formula.text() + "' has more than 64 objectives"};
  for (std::size_t i = 0; i < used.size(); ++i) bits[used[i]] = std::uint64_t{1} << i;
  GFR_ASSIGN(const auto products, ProductsOf(formula, bits));
  for (const std::uint64_t product : products) {
    std::vector<const ValueNames::Objective*> of;
    std::string list;
    for (std::size_t i = 0; i < used.size(); ++i) {
      if ((product >> i & 1) == 0) continue;
      of.push_back(&names.objectives[used[i]]);
      list += (list.empty() ? "" : " and ") + of.back()->name;
    }
    if (of.size() == 1 && of[0]->mean && of[0]->population != EventType::kFeedImpression)
      return Error{ErrorCode::kInvalidArgument,
                   "names " + of[0]->name + " alone, which is the mean of a " +
                       std::string(EventTypeName(of[0]->population)) +
                       ", not of an impression; multiply it with the objective whose label that is"};
    if (of.size() < 2 || (of.size() <= 6 && IsChain(of))) continue;
    std::string message = "multiplies " + list + ", but ";
    message += of.size() == 2
                   ? of[1]->name + "'s population is not " + of[0]->name + "'s label event"
                   : "they are no chain, in which the population of each is the label event of the one before";
    return Error{ErrorCode::kInvalidArgument, message};
  }
  return {};
}

}  // namespace

Result<ValueFormula> ValueFormula::Parse(std::string_view text, const ValueNames& names) {
  std::vector<Expression::Name> bound;
  for (const auto& objective : names.objectives) bound.push_back({objective.name, Expression::Type::kNumber});
  for (const std::string& property : names.properties) bound.push_back({property, Expression::Type::kNumber});
  ValueFormula formula;
  GFR_ASSIGN(const Expression all, Expression::Parse(text, Expression::Type::kNumber, bound));
  const auto objectives = static_cast<std::uint32_t>(names.objectives.size());
  std::vector<Expression::Name> used;
  for (const std::uint32_t name : all.used()) {
    used.push_back(bound[name]);
    if (name < objectives)
      formula.objectives_.push_back(name);
    else
      formula.properties_.push_back(name - objectives);
  }
  GFR_TRY(CheckProducts(all, names, formula.objectives_));
  for (const std::uint32_t o : formula.objectives_) {
    if (names.objectives[o].sampled && formula.objectives_.size() > 1)
      return Error{ErrorCode::kInvalidArgument,
                   "mixes " + names.objectives[o].name +
                       " with another objective, but [dataset] slates = \"sampled\": its probabilities are of slates "
                       "that were made, and only their order means something; name one objective"};
  }
  GFR_ASSIGN(formula.expression_, Expression::Parse(text, Expression::Type::kNumber, used));  // Columns of these alone.
  return formula;
}

}  // namespace gfr

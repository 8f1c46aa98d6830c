#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include "expression/expression.h"

namespace gfr {

// Recursive descent. Each method parses what its name says and appends its steps; nullopt: it failed, and error_ says
// how. Depth is bounded, so that a hostile formula cannot exhaust the stack.
class ExpressionParser {
  using Type = Expression::Type;
  using Kind = Expression::Step::Kind;

 public:
  ExpressionParser(std::string_view text, const std::vector<Expression::Name>& names) : text_(text), names_(names) {}

  Result<Expression> Parse(Type type) {
    const std::optional<Type> got = Or(0);
    if (got && at_ < (Skip(), text_.size())) Fail("valid here are operators and the end");
    if (got && error_.empty() && *got != type) {
      at_ = 0;
      Fail(type == Type::kNumber ? "it is a condition; a number is wanted"
                                 : "it is no condition; valid is, say, x > 0");
    }
    if (!error_.empty()) return Error{ErrorCode::kInvalidArgument, error_};
    made_.text_ = text_;
    for (const Expression::Step& step : made_.steps_) {
      if (step.kind == Kind::kName || step.kind == Kind::kIsCategory || step.kind == Kind::kNotCategory)
        made_.used_.push_back(step.name);
      if (step.kind == Kind::kSame || step.kind == Kind::kDiffer) {
        made_.used_.push_back(step.name);
        made_.used_.push_back(step.other);
      }
    }
    std::ranges::sort(made_.used_);
    made_.used_.erase(std::ranges::unique(made_.used_).begin(), made_.used_.end());
    return std::move(made_);
  }

 private:
  std::nullopt_t Fail(const std::string& what) {
    if (error_.empty()) {
      error_ = "'" + std::string(text_) + "' is not understood at character " + std::to_string(at_ + 1);
      if (at_ < text_.size()) error_ += " ('" + std::string(text_.substr(at_, 20)) + "')";
      error_ += ": " + what;
    }
    return std::nullopt;
  }

  void Skip() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\n')) ++at_;
  }
  static bool InWord(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.';
  }
  std::string_view Word() {  // The name that begins here; empty: none does.
    Skip();
    std::size_t end = at_;
    while (end < text_.size() && InWord(text_[end])) ++end;
    return text_.substr(at_, end - at_);
  }
  bool Take(std::string_view token) {
    Skip();
    const bool word = InWord(token[0]);
    if (word ? Word() != token : !text_.substr(at_).starts_with(token)) return false;
    at_ += token.size();
    return true;
  }

  // Appends a step that takes operands which are there already.
  bool Push(Expression::Step step, int change) {
    depth_ += change;
    if (depth_ > static_cast<int>(Expression::kMaxDepth) || made_.steps_.size() >= Expression::kMaxSteps) {
      Fail("it is too long or nested too deeply");
      return false;
    }
    made_.steps_.push_back(step);
    return true;
  }
  bool Wants(std::optional<Type> got, Type wanted, std::size_t at) {
    if (!got || !error_.empty()) return false;
    if (*got == wanted) return true;
    at_ = at;
    Fail(wanted == Type::kNumber ? "a number is wanted here" : "a condition is wanted here, such as x > 0");
    return false;
  }

  std::optional<Type> Or(int level) { return Chain(level, "or", Kind::kOr, &ExpressionParser::And); }
  std::optional<Type> And(int level) { return Chain(level, "and", Kind::kAnd, &ExpressionParser::Not); }

  std::optional<Type> Chain(int level, const char* word, Kind kind,
                            std::optional<Type> (ExpressionParser::*part)(int)) {
    Skip();
    const std::size_t begin = at_;
    const std::optional<Type> first = (this->*part)(level);
    while (first && error_.empty() && Take(word)) {
      if (!Wants(first, Type::kCondition, begin)) return std::nullopt;
      Skip();
      const std::size_t next = at_;
      if (!Wants((this->*part)(level), Type::kCondition, next) || !Push({.kind = kind}, -1)) return std::nullopt;
    }
    return first;
  }

  std::optional<Type> Not(int level) {
    if (level > 30) return Fail("it is nested too deeply");
    if (!Take("not")) return Comparison(level);
    Skip();
    const std::size_t begin = at_;
    if (!Wants(Not(level + 1), Type::kCondition, begin) || !Push({.kind = Kind::kNot}, 0)) return std::nullopt;
    return Type::kCondition;
  }

  std::optional<Type> Comparison(int level) {
    if (const auto category = CategoryName()) return OfCategory(*category);
    Skip();
    const std::size_t begin = at_;
    const std::optional<Type> left = Sum(level);
    if (!left) return std::nullopt;
    static constexpr std::pair<const char*, Kind> kOperators[] = {{"<=", Kind::kLessEqual}, {">=", Kind::kGreaterEqual},
                                                                  {"==", Kind::kEqual},     {"!=", Kind::kNotEqual},
                                                                  {"<", Kind::kLess},       {">", Kind::kGreater}};
    for (const auto& [token, kind] : kOperators) {
      if (!Take(token)) continue;
      Skip();
      const std::size_t next = at_;
      if (!Wants(left, Type::kNumber, begin) || !Wants(Sum(level), Type::kNumber, next) || !Push({.kind = kind}, -1))
        return std::nullopt;
      return Type::kCondition;
    }
    return left;
  }

  // The category that is named here; nothing is taken when none is.
  std::optional<std::uint32_t> CategoryName() {
    const std::string_view word = Word();
    const auto name = std::ranges::find(names_, word, &Expression::Name::name);
    if (word.empty() || name == names_.end() || name->type != Type::kCategory) return std::nullopt;
    at_ += word.size();
    return static_cast<std::uint32_t>(name - names_.begin());
  }

  std::optional<Type> OfCategory(std::uint32_t name) {
    const bool equal = Take("=="), other = !equal && Take("!=");
    if (equal || other) {
      if (const auto second = CategoryName()) {
        if (!Push({.kind = equal ? Kind::kSame : Kind::kDiffer, .name = name, .other = *second}, 1))
          return std::nullopt;
        return Type::kCondition;
      }
      const std::optional<Key> category = Text();
      const Kind kind = equal ? Kind::kIsCategory : Kind::kNotCategory;
      if (!category || !Push({.kind = kind, .name = name, .category = *category}, 1)) return std::nullopt;
      return Type::kCondition;
    }
    if (!Take("in") || !Take("["))
      return Fail("a category is compared by == or != with a \"text\" or another category, or by in [\"a\", \"b\"]");
    for (bool first = true; first || Take(","); first = false) {
      const std::optional<Key> category = Text();
      if (!category || !Push({.kind = Kind::kIsCategory, .name = name, .category = *category}, 1)) return std::nullopt;
      if (!first && !Push({.kind = Kind::kOr}, -1)) return std::nullopt;
    }
    if (!Take("]")) return Fail("valid here are , and ]");
    return Type::kCondition;
  }

  std::optional<Key> Text() {
    if (!Take("\"")) return Fail("valid here is a text in double quotes, or, after == and !=, another category");
    const std::size_t end = text_.find('"', at_);
    if (end == std::string_view::npos || end == at_) return Fail("the text is empty or has no closing quote");
    const Key key = KeyOf(text_.substr(at_, end - at_));
    at_ = end + 1;
    return key;
  }

  std::optional<Type> Sum(int level) {
    return Operations(level, {{"+", Kind::kAdd}, {"-", Kind::kSubtract}}, &ExpressionParser::Product);
  }
  std::optional<Type> Product(int level) {
    return Operations(level, {{"*", Kind::kMultiply}, {"/", Kind::kDivide}}, &ExpressionParser::Atom);
  }

  std::optional<Type> Operations(int level, std::initializer_list<std::pair<const char*, Kind>> operators,
                                 std::optional<Type> (ExpressionParser::*part)(int)) {
    Skip();
    const std::size_t begin = at_;
    const std::optional<Type> first = (this->*part)(level);
    for (bool more = first.has_value(); more;) {
      more = false;
      for (const auto& [token, kind] : operators) {
        if (!Take(token)) continue;
        if (!Wants(first, Type::kNumber, begin)) return std::nullopt;
        Skip();
        const std::size_t next = at_;
        if (!Wants((this->*part)(level), Type::kNumber, next) || !Push({.kind = kind}, -1)) return std::nullopt;
        more = true;
      }
    }
    return first;
  }

  std::optional<Type> Atom(int level) {
    if (level > 30) return Fail("it is nested too deeply");
    if (Take("(")) {
      const std::optional<Type> type = Or(level + 1);
      if (!type) return std::nullopt;
      if (!Take(")")) return Fail("valid here are operators and )");
      return type;
    }
    if (Take("-")) {
      const std::size_t begin = at_;
      if (!Wants(Atom(level + 1), Type::kNumber, begin) || !Push({.kind = Kind::kNegate}, 0)) return std::nullopt;
      return Type::kNumber;
    }
    const std::string_view word = Word();
    if (!word.empty() && ((word[0] >= '0' && word[0] <= '9') || word[0] == '.')) return Number();
    const auto name = std::ranges::find(names_, word, &Expression::Name::name);
    if (word.empty() || name == names_.end()) return Fail("valid here are " + Valid());
    if (name->type != Type::kNumber) return Fail("'" + name->name + "' is a category; a number is wanted here");
    at_ += word.size();
    if (!Push({.kind = Kind::kName, .name = static_cast<std::uint32_t>(name - names_.begin())}, 1)) return std::nullopt;
    return Type::kNumber;
  }

  std::optional<Type> Number() {
    double number = 0;
    const auto [end, error] = std::from_chars(text_.data() + at_, text_.data() + text_.size(), number);
    const bool more = end != text_.data() + text_.size() && InWord(*end);
    if (error != std::errc() || more) return Fail("that is no number");
    at_ = static_cast<std::size_t>(end - text_.data());
    if (!Push({.kind = Kind::kNumber, .number = number}, 1)) return std::nullopt;
    return Type::kNumber;
  }

  std::string Valid() const {
    std::string valid = "numbers, parentheses";
    for (const Expression::Name& name : names_) {
      if (!name.name.empty() && std::ranges::all_of(name.name, InWord)) valid += ", " + name.name;
    }
    return valid;
  }

  const std::string_view text_;
  const std::vector<Expression::Name>& names_;
  std::size_t at_ = 0;
  int depth_ = 0;
  std::string error_;
  Expression made_;
};

Result<Expression> Expression::Parse(std::string_view text, Type type, const std::vector<Name>& names) {
  return ExpressionParser(text, names).Parse(type);
}

}  // namespace gfr

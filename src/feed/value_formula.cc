#include "feed/value_formula.h"

#include <cstdlib>

namespace gfr {

// Recursive descent; the depth is bounded so that a hostile formula cannot exhaust the stack.
class FormulaParser {
 public:
  explicit FormulaParser(std::string_view text) : text_(text), left_(text_) {}

  Result<ValueFormula> Parse() {
    formula_.text_ = text_;
    if (!Sum(0) || Peek() != 0 || formula_.ops_.size() > 60) {
      return Error{ErrorCode::kInvalidArgument, "value formula '" + text_ + "' is not understood at '" +
                                                    std::string(left_.substr(0, 20)) +
                                                    "'; valid are numbers, pctr, pcvr, price, + - * / and parentheses"};
    }
    return std::move(formula_);
  }

 private:
  char Peek() {
    while (!left_.empty() && left_[0] == ' ') left_.remove_prefix(1);
    return left_.empty() ? 0 : left_[0];
  }
  bool Sum(int depth) {
    if (depth > 15 || !Product(depth)) return false;
    for (char c = Peek(); c == '+' || c == '-'; c = Peek()) {
      left_.remove_prefix(1);
      if (!Product(depth)) return false;
      formula_.ops_.push_back({c, 0});
    }
    return true;
  }
  bool Product(int depth) {
    if (!Atom(depth)) return false;
    for (char c = Peek(); c == '*' || c == '/'; c = Peek()) {
      left_.remove_prefix(1);
      if (!Atom(depth)) return false;
      formula_.ops_.push_back({c, 0});
    }
    return true;
  }
  bool Atom(int depth) {
    const char c = Peek();
    if (c == '(') {
      left_.remove_prefix(1);
      if (!Sum(depth + 1) || Peek() != ')') return false;
      left_.remove_prefix(1);
      return true;
    }
    if ((c >= '0' && c <= '9') || c == '.') {
      const std::string rest(left_);
      char* end = nullptr;
      formula_.ops_.push_back({'n', std::strtod(rest.c_str(), &end)});
      left_.remove_prefix(static_cast<std::size_t>(end - rest.c_str()));
      return end != rest.c_str();
    }
    for (const auto& [name, kind] : {std::pair{"pctr", 'c'}, {"pcvr", 'v'}, {"price", 'p'}}) {
      if (left_.starts_with(name)) {
        left_.remove_prefix(std::string_view(name).size());
        formula_.ops_.push_back({kind, 0});
        return true;
      }
    }
    return false;
  }

  const std::string text_;
  std::string_view left_;
  ValueFormula formula_;
};

Result<ValueFormula> ValueFormula::Parse(std::string_view text) { return FormulaParser(text).Parse(); }

bool ValueFormula::Uses(std::string_view name) const { return text_.find(name) != std::string::npos; }

double ValueFormula::Evaluate(double pctr, double pcvr, double price) const noexcept {
  double stack[64];
  int top = 0;
  for (const Op& op : ops_) {
    switch (op.kind) {
      case 'n':
        stack[top++] = op.number;
        break;
      case 'c':
        stack[top++] = pctr;
        break;
      case 'v':
        stack[top++] = pcvr;
        break;
      case 'p':
        stack[top++] = price;
        break;
      case '+':
        --top;
        stack[top - 1] += stack[top];
        break;
      case '-':
        --top;
        stack[top - 1] -= stack[top];
        break;
      case '*':
        --top;
        stack[top - 1] *= stack[top];
        break;
      default:
        --top;
        stack[top - 1] /= stack[top];
        break;
    }
  }
  return stack[0];
}

}  // namespace gfr

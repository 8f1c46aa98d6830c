// CategoryCodes: how the frame that a model was trained on turned a column's categories into the codes that the
// forest's splits name: a category's code is its place in the list (pandas' Categorical).
//
// Thread safety: a plain value.
#pragma once

#include <charconv>
#include <cstdint>
#include <string>
#include <unordered_map>

namespace gfr {

class CategoryCodes {
 public:
  bool empty() const { return size_ == 0; }
  std::int32_t size() const { return size_; }

  // The next code's category.
  void Add(std::string text) { texts_.emplace(std::move(text), size_++); }
  void Add(double number) { numbers_.emplace(number, size_++); }
  void Add(bool truth) {
    for (const char* text : truth ? kTrue : kFalse) texts_.emplace(text, size_);
    numbers_.emplace(truth ? 1.0 : 0.0, size_++);
  }

  // -1: not among the categories. A text is also read as a number: "20" and "20.0" are the category 20.
  std::int32_t CodeOf(const std::string& text) const {
    if (const auto at = texts_.find(text); at != texts_.end()) return at->second;
    double number = 0;
    const char* end = text.data() + text.size();
    const auto [stop, code] = std::from_chars(text.data(), end, number);
    return code == std::errc{} && stop == end ? CodeOf(number) : -1;
  }
  std::int32_t CodeOf(double number) const {
    const auto at = numbers_.find(number);
    return at != numbers_.end() ? at->second : -1;
  }

 private:
  static constexpr const char *kTrue[] = {"true", "True", "TRUE"}, *kFalse[] = {"false", "False", "FALSE"};
  std::int32_t size_ = 0;
  std::unordered_map<std::string, std::int32_t> texts_;
  std::unordered_map<double, std::int32_t> numbers_;
};

}  // namespace gfr

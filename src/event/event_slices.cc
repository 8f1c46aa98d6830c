#include "event/event_slices.h"

#include <simdjson.h>

#include <algorithm>

namespace gfr {
namespace {

constexpr std::string_view kBlank = " \t\r\n";

}  // namespace

EventSlices::EventSlices(std::string_view body, BodyFormat format, const JsonLimits& limits)
    : body_(body), limits_(limits), lines_(format == BodyFormat::kNdjson) {
  if (lines_ || body.size() <= limits.event_bytes) return;
  const std::size_t first = body.find_first_not_of(kBlank), last = body.find_last_not_of(kBlank);
  if (first == std::string_view::npos || body[first] != '[' || body[last] != ']' || first == last) return;
  if (body.find_first_not_of(kBlank, first + 1) == last) return;  // An empty list.
  list_ = true;
  list_begin_ = first;
  at_ = first + 1;
  list_end_ = last;
}

// Where the text ends that is read as one: at a comma between elements, or at the list's end. Brackets are only
// counted: a slice in which they do not match is no JSON.
std::size_t EventSlices::EndOfElements() const {
  std::size_t end = at_;
  int depth = 0;
  for (std::size_t k = at_; k < list_end_; ++k) {
    switch (body_[k]) {
      case '"':
        for (++k; k < list_end_ && body_[k] != '"'; ++k) k += body_[k] == '\\';
        break;
      case '[':
      case '{':
        ++depth;
        break;
      case ']':
      case '}':
        --depth;
        break;
      case ',':
        if (depth != 0) break;
        if (k + 2 - at_ > limits_.event_bytes && end > at_) return end;
        end = k;
        if (k + 2 - at_ >= limits_.event_bytes) return end;
        break;
      default:
        break;
    }
  }
  return list_end_ + 2 - at_ > limits_.event_bytes && end > at_ ? end : list_end_;
}

std::optional<std::string_view> EventSlices::NextElements() {
  if (at_ > list_end_) return std::nullopt;
  const std::size_t end = EndOfElements();
  if (at_ == list_begin_ + 1 && end == list_end_) {  // One element, larger than a slice.
    at_ = end + 1;
    return body_.substr(list_begin_, end + 1 - list_begin_);
  }
  slice_.assign(1, '[');
  // An element has to be there: "[1,,2]" is no list, though each of its slices may be one.
  const std::string_view text = body_.substr(at_, end - at_);
  slice_ += text.find_first_not_of(kBlank) == std::string_view::npos ? std::string_view(",") : text;
  slice_ += ']';
  at_ = end + 1;
  return slice_;
}

std::optional<std::string_view> EventSlices::NextLines() {
  if (at_ >= body_.size()) return std::nullopt;
  std::size_t end = body_.size();
  if (body_.size() - at_ > limits_.event_bytes) {
    const std::size_t within = body_.rfind('\n', at_ + limits_.event_bytes - 1);
    end = within != std::string_view::npos && within >= at_ ? within + 1
                                                            : std::min(body_.find('\n', at_), body_.size() - 1) + 1;
  }
  const std::string_view text = body_.substr(at_, end - at_);
  at_ = end;
  return text;
}

std::optional<ParsedEvents> EventSlices::Refusal() {
  if (body_.size() > limits_.body_bytes) return ParseEvents(body_, BodyFormat::kJson, limits_);
  if (!list_) return std::nullopt;
  const std::size_t begin = at_;
  simdjson::dom::parser parser(limits_.body_bytes);
  for (auto text = NextElements(); text; text = NextElements()) {
    simdjson::dom::element json;
    if (const auto code = parser.parse(text->data(), text->size()).get(json)) {
      ParsedEvents none;
      none.Reject(0, "bad_json", std::string("not valid JSON: ") + simdjson::error_message(code));
      return none;
    }
  }
  at_ = begin;
  return std::nullopt;
}

bool EventSlices::Next(ParsedEvents* out) {
  *out = {};
  std::optional<std::string_view> text;
  if (lines_) {
    text = NextLines();
  } else if (list_) {
    text = NextElements();
  } else if (at_ == 0) {
    text = body_;
    at_ = body_.size() + 1;
  }
  if (!text) return false;
  *out = ParseEvents(*text, lines_ ? BodyFormat::kNdjson : BodyFormat::kJson, limits_);
  for (std::size_t& index : out->indexes) index += index_;
  for (Rejection& rejection : out->rejected) rejection.index += index_;
  index_ += out->events.size() + out->rejected_count;
  return true;
}

}  // namespace gfr

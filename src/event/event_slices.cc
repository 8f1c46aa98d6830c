#include "event/event_slices.h"

#include <simdjson.h>

#include <algorithm>

#include "event/event_too_large.h"
#include "event/json_check.h"

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

std::optional<std::string_view> EventSlices::NextElements(bool* too_large) {
  *too_large = false;
  if (at_ > list_end_) return std::nullopt;
  const std::size_t end = EndOfElements();
  std::string_view text = body_.substr(at_, end - at_);
  std::optional<std::string> compact;
  if (text.size() + 2 > limits_.event_bytes) {  // One element.
    compact = WithoutBlanks(text, limits_.event_bytes);
    if (!compact) {
      at_ = end + 1;
      *too_large = true;
      return text;
    }
    text = *compact;
  }
  slice_.assign(1, '[');
  // An element has to be there: "[1,,2]" is no list, though each of its slices may be one.
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
  bool too_large = false;
  for (auto text = NextElements(&too_large); text; text = NextElements(&too_large)) {
    simdjson::dom::element json;
    const auto code = too_large ? (IsJson(*text) ? simdjson::SUCCESS : simdjson::TAPE_ERROR)
                                : parser.parse(text->data(), text->size()).get(json);
    if (code != simdjson::SUCCESS) {
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
  bool too_large = false;
  if (lines_) {
    text = NextLines();
  } else if (list_) {
    text = NextElements(&too_large);
  } else if (at_ == 0) {
    text = body_;
    at_ = body_.size() + 1;
  }
  if (!text) return false;
  if (too_large)
    out->Reject(0, "too_large", EventTooLarge(limits_));
  else
    *out = ParseEvents(*text, lines_ ? BodyFormat::kNdjson : BodyFormat::kJson, limits_);
  for (std::size_t& index : out->indexes) index += index_;
  for (Rejection& rejection : out->rejected) rejection.index += index_;
  index_ += out->events.size() + out->rejected_count;
  return true;
}

}  // namespace gfr

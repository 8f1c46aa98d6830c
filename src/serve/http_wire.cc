#include "serve/http_wire.h"

#include <algorithm>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/status.hpp>
#include <cctype>
#include <utility>

#include "serve/http_head.h"

namespace gfr {
namespace {

namespace beast = boost::beast;
namespace http = boost::beast::http;

std::string_view View(beast::string_view text) { return {text.data(), text.size()}; }

}  // namespace

std::string LowerCase(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return lower;
}

// Beast calls these as it reads.
class RequestParser::Beast final : public http::basic_parser<true> {
 public:
  explicit Beast(RequestParser& to) : to_(to) {}
  beast::error_code error;

 private:
  void on_request_impl(http::verb, beast::string_view method, beast::string_view target, int version,
                       beast::error_code&) override {
    to_.head_.method = std::string(View(method));
    to_.version_ = static_cast<unsigned>(version);
    target_ = std::string(View(target));
  }
  void on_field_impl(http::field, beast::string_view name, beast::string_view value, beast::error_code&) override {
    if (whole_header_) return;  // A trailer: nobody reads it.
    to_.head_.headers.emplace_back(LowerCase(View(name)), std::string(View(value)));
  }
  void on_header_impl(beast::error_code&) override {
    whole_header_ = true;
    to_.has_path_ = SplitTarget(target_, &to_.head_);  // Behind the headers: an absolute target replaces Host.
  }
  std::size_t on_body_impl(beast::string_view bytes, beast::error_code&) override {
    to_.body_.append(bytes.data(), bytes.size());
    return bytes.size();
  }
  std::size_t on_chunk_body_impl(std::uint64_t, beast::string_view bytes, beast::error_code&) override {
    to_.body_.append(bytes.data(), bytes.size());
    return bytes.size();
  }
  void on_response_impl(int, beast::string_view, int, beast::error_code&) override {}
  void on_body_init_impl(const boost::optional<std::uint64_t>&, beast::error_code&) override {}
  void on_chunk_header_impl(std::uint64_t, beast::string_view, beast::error_code&) override {}
  void on_finish_impl(beast::error_code&) override {}

  RequestParser& to_;
  std::string target_;
  bool whole_header_ = false;
};

RequestParser::RequestParser(std::size_t header_limit, std::size_t body_limit)
    : beast_(std::make_unique<Beast>(*this)) {
  beast_->header_limit(static_cast<std::uint32_t>(header_limit));
  beast_->body_limit(body_limit);
}
RequestParser::~RequestParser() = default;

std::size_t RequestParser::Put(std::string_view bytes) {
  std::size_t taken = 0;
  const bool in_header = state_ == State::kHeader;
  do {
    beast::error_code& ec = beast_->error;
    taken += beast_->put(boost::asio::const_buffer(bytes.data() + taken, bytes.size() - taken), ec);
    if (ec == http::error::need_more) return taken;
    if (ec) {
      state_ = ec == http::error::body_limit     ? State::kBodyTooLarge
               : ec == http::error::header_limit ? State::kHeaderTooLarge
                                                 : State::kMalformed;
      return taken;
    }
    if (beast_->is_done())
      state_ = State::kDone;
    else if (beast_->is_header_done())
      state_ = State::kBody;
  } while (taken < bytes.size() && state_ != State::kDone && !(in_header && state_ == State::kBody));
  return taken;
}

std::span<char> RequestParser::Room(std::size_t most) {
  // As much again as came, and for large bodies more, so that few pieces are copied as it grows. What is reserved and
  // not written to takes no memory.
  constexpr std::size_t kFromLarge = 32u << 10, kLargeGrowth = 16, kBehind = 64;  // kBehind: readers look further.
  if (state_ != State::kBody) return {};  // The length is known behind the header alone.
  const auto length = content_length();
  if (!length || *length <= body_.size()) return {};
  const std::size_t came = body_.size(), whole = static_cast<std::size_t>(*length);
  const std::size_t room = std::min(most, whole - came);
  if (body_.capacity() < came + room) {
    const std::size_t growth = came >= kFromLarge ? kLargeGrowth : 2;
    body_.reserve(std::max(came + room, std::min(whole, came * growth)) + kBehind);
  }
  body_.resize(came + room);
  room_ = room;
  return {body_.data() + came, room};
}

void RequestParser::CameIn(std::size_t bytes) {
  body_.resize(body_.size() - std::exchange(room_, 0) + bytes);
  if (body_.size() == content_length()) state_ = State::kDone;
}

std::string RequestParser::error() const { return beast_->error.message(); }
bool RequestParser::keep_alive() const { return beast_->keep_alive(); }
std::optional<std::uint64_t> RequestParser::content_length() const {
  const auto length = beast_->content_length();
  return length ? std::optional<std::uint64_t>(*length) : std::nullopt;
}

std::string ResponseHead(const HttpResponse& response, unsigned version, bool keep_alive,
                         std::optional<std::size_t> length) {
  std::string head = version >= 11 ? "HTTP/1.1 " : "HTTP/1.0 ";
  const auto reason = http::obsolete_reason(static_cast<http::status>(response.status));
  head += std::to_string(response.status) + " ";
  head += View(reason);
  const bool has_content = response.status != 204 && response.status != 304;
  if (has_content) head += "\r\nContent-Type: " + response.content_type;
  for (const auto& [name, value] : response.headers) head += "\r\n" + name + ": " + value;
  // What each version means without the header is not said.
  if (version >= 11 && !keep_alive) head += "\r\nConnection: close";
  if (version < 11 && keep_alive) head += "\r\nConnection: keep-alive";
  if (!has_content) return head + "\r\n\r\n";
  if (length)
    head += "\r\nContent-Length: " + std::to_string(*length);
  else if (version >= 11)
    head += "\r\nTransfer-Encoding: chunked";
  return head + "\r\n\r\n";
}

}  // namespace gfr

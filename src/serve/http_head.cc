#include "serve/http_head.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstring>

#include "base/text.h"

namespace gfr {
namespace {

bool EqualsIgnoringCase(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

std::size_t CountOf(const HttpRequest& head, std::string_view name) {
  return static_cast<std::size_t>(std::ranges::count_if(head.headers, [&](const auto& h) { return h.first == name; }));
}

// The bytes of an address, 4 or 16; empty when it is none.
std::vector<std::uint8_t> BytesOf(std::string_view address) {
  const std::string text(address);
  std::uint8_t bytes[16];
  if (inet_pton(AF_INET, text.c_str(), bytes) == 1) return {bytes, bytes + 4};
  if (inet_pton(AF_INET6, text.c_str(), bytes) != 1) return {};
  static constexpr std::uint8_t kMapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  if (std::memcmp(bytes, kMapped, 12) == 0) return {bytes + 12, bytes + 16};
  return {bytes, bytes + 16};
}

// The addresses that one of the two headers names, from the client on.
std::vector<std::string> ForwardedFor(const HttpRequest& head) {
  std::string all, other;
  for (const auto& [name, value] : head.headers) {
    if (name == "forwarded") all += (all.empty() ? "" : ",") + value;
    if (name == "x-forwarded-for") other += (other.empty() ? "" : ",") + value;
  }
  const bool standard = !all.empty();
  std::string_view rest = standard ? all : other;
  std::vector<std::string> found;
  while (!rest.empty()) {
    std::string_view hop = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(rest.size(), hop.size() + 1));
    std::string_view node = standard ? "" : Trimmed(hop);
    while (standard && !hop.empty()) {  // for=...;proto=...
      const std::string_view pair = hop.substr(0, hop.find(';'));
      hop.remove_prefix(std::min(hop.size(), pair.size() + 1));
      const std::string_view trimmed = Trimmed(pair);
      if (trimmed.size() > 4 && EqualsIgnoringCase(trimmed.substr(0, 4), "for=")) node = trimmed.substr(4);
    }
    if (node.size() > 1 && node.front() == '"' && node.back() == '"') node = node.substr(1, node.size() - 2);
    if (node.starts_with('['))  // [v6]:port
      node = node.substr(1, node.find(']') - 1);
    else if (std::ranges::count(node, ':') == 1)  // v4:port
      node = node.substr(0, node.find(':'));
    found.emplace_back(node);
  }
  return found;
}

}  // namespace

std::optional<HttpResponse> CheckHead(const HttpRequest& head, unsigned version, const HeadLimits& limits) {
  const auto bad = [](const std::string& why) { return ProblemResponse(400, "Bad Request", why); };
  const std::size_t hosts = CountOf(head, "host"), lengths = CountOf(head, "content-length"),
                    codings = CountOf(head, "transfer-encoding");
  if (hosts > 1 || (hosts == 0 && version >= 11)) return bad("a request has exactly one Host header");
  if (lengths > 1) return bad("Content-Length is there more than once");
  if (codings > 0) {
    if (version < 11) return bad("HTTP/1.0 has no Transfer-Encoding");
    if (lengths > 0) return bad("Content-Length and Transfer-Encoding exclude each other");
    if (codings > 1 || !EqualsIgnoringCase(Trimmed(head.Header("transfer-encoding")), "chunked"))
      return ProblemResponse(501, "Not Implemented", "the only transfer coding that is taken is chunked");
  }
  if (lengths == 1) {
    const std::string_view text = head.Header("content-length");
    std::uint64_t length = 0;
    const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), length);
    if (end != text.data() + text.size() || (code != std::errc{} && code != std::errc::result_out_of_range))
      return bad("Content-Length is not a number");
    if (code == std::errc::result_out_of_range || length > limits.body_bytes)
      return ProblemResponse(413, "Content Too Large",
                             "too_large: the body is larger than " + std::to_string(limits.body_bytes) + " bytes");
  }
  if (const auto coding = Trimmed(head.Header("content-encoding"));
      !coding.empty() && !EqualsIgnoringCase(coding, "identity")) {
    HttpResponse response = ProblemResponse(
        415, "Unsupported Media Type",
        "content encoding is '" + std::string(coding.substr(0, 100)) + "'; bodies are taken as they are (identity)");
    response.headers = {{"Accept-Encoding", "identity"}};
    return response;
  }
  if (CountOf(head, "expect") > 0 &&
      (version < 11 || !EqualsIgnoringCase(Trimmed(head.Header("expect")), "100-continue")))
    return ProblemResponse(417, "Expectation Failed", "the only expectation that can be met is 100-continue");
  return std::nullopt;
}

bool SplitTarget(std::string_view target, HttpRequest* head) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (target.size() < scheme.size() || !EqualsIgnoringCase(target.substr(0, scheme.size()), scheme)) continue;
    target.remove_prefix(scheme.size());
    const std::string_view host = target.substr(0, target.find_first_of("/?"));
    target.remove_prefix(host.size());
    if (host.empty()) return false;
    for (auto& [name, value] : head->headers) {
      if (name == "host") value = host;
    }
    if (!target.starts_with('/')) head->path = "/";
    break;
  }
  if (!target.starts_with('/') && head->path.empty()) return false;
  const std::size_t question = target.find('?');
  head->path += target.substr(0, question);
  if (question != std::string_view::npos) head->query = target.substr(question + 1);
  return true;
}

Result<AddressSet> AddressSet::Parse(const std::vector<std::string>& texts) {
  AddressSet set;
  for (const std::string& text : texts) {
    const std::size_t slash = text.find('/');
    Network network{.bytes = BytesOf(std::string_view(text).substr(0, slash))};
    const int all = static_cast<int>(network.bytes.size()) * 8;
    network.bits = all;
    bool good = all > 0;
    if (slash != std::string::npos) {
      const char* const end = text.data() + text.size();
      good = good && std::from_chars(text.data() + slash + 1, end, network.bits).ptr == end &&
             slash + 1 < text.size() && network.bits >= 0 && network.bits <= all;
    }
    if (!good)
      return Error{ErrorCode::kInvalidArgument,
                   "'" + text + "' is neither an address nor a network; valid is for example 10.0.0.1 or 10.0.0.0/8"};
    set.networks_.push_back(std::move(network));
  }
  return set;
}

bool AddressSet::Contains(std::string_view address) const {
  const std::vector<std::uint8_t> bytes = BytesOf(address);
  return std::ranges::any_of(networks_, [&](const Network& n) {
    if (n.bytes.size() != bytes.size() || bytes.empty()) return false;
    for (int bit = 0; bit < n.bits; ++bit) {
      const int mask = 0x80 >> (bit % 8);
      if ((n.bytes[static_cast<std::size_t>(bit / 8)] & mask) != (bytes[static_cast<std::size_t>(bit / 8)] & mask))
        return false;
    }
    return true;
  });
}

bool IsLoopback(std::string_view address) {
  const std::vector<std::uint8_t> bytes = BytesOf(address);
  if (bytes.size() == 4) return bytes[0] == 127;
  return bytes.size() == 16 && std::all_of(bytes.begin(), bytes.end() - 1, [](auto b) { return b == 0; }) &&
         bytes.back() == 1;
}

std::string ClientAddress(const HttpRequest& head, const std::string& peer, const AddressSet& proxies) {
  if (!proxies.Contains(peer)) return peer;
  const std::vector<std::string> hops = ForwardedFor(head);
  for (auto hop = hops.rbegin(); hop != hops.rend(); ++hop) {
    if (!proxies.Contains(*hop)) return hop->empty() ? peer : *hop;
  }
  return peer;
}

}  // namespace gfr

#include "runtime/http_client.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstring>

#include "base/clock.h"
#include "base/sync.h"

namespace gfr {
namespace {

constexpr std::int64_t kDefaultTimeoutMs = 30'000;
constexpr std::size_t kMostIdle = 16;  // Connections kept.

struct Network {
  std::uint32_t address;
  int bits;
};
// IANA IPv4 Special-Purpose Address Registry, and multicast.
constexpr std::array<Network, 14> kNotPublic{{{0x00000000, 8},
                                              {0x0a000000, 8},
                                              {0x64400000, 10},
                                              {0x7f000000, 8},
                                              {0xa9fe0000, 16},
                                              {0xac100000, 12},
                                              {0xc0000000, 24},
                                              {0xc0000200, 24},
                                              {0xc0a80000, 16},
                                              {0xc6120000, 15},
                                              {0xc6336400, 24},
                                              {0xcb007100, 24},
                                              {0xe0000000, 4},
                                              {0xf0000000, 4}}};

bool IsPublic(std::uint32_t v4) {
  return std::ranges::none_of(kNotPublic, [&](const Network& n) { return (v4 ^ n.address) >> (32 - n.bits) == 0; });
}

bool IsPublic(const in6_addr& v6) {
  const std::uint8_t* b = v6.s6_addr;
  const auto last_v4 = [&] {
    return static_cast<std::uint32_t>(b[12]) << 24 | static_cast<std::uint32_t>(b[13]) << 16 |
           static_cast<std::uint32_t>(b[14]) << 8 | b[15];
  };
  static constexpr std::uint8_t kNat64[12] = {0x00, 0x64, 0xff, 0x9b};
  if (IN6_IS_ADDR_V4MAPPED(&v6) || IN6_IS_ADDR_V4COMPAT(&v6) || std::memcmp(b, kNat64, sizeof kNat64) == 0)
    return IsPublic(last_v4());
  // Global unicast is 2000::/3; of it 2001::/23 (protocols, Teredo), 2001:db8::/32 (examples) and 2002::/16 (6to4,
  // which holds an IPv4 address) are special.
  if (b[0] >> 5 != 1) return false;
  if (b[0] == 0x20 && b[1] == 0x01 && (b[2] < 2 || (b[2] == 0x0d && b[3] == 0xb8))) return false;
  return !(b[0] == 0x20 && b[1] == 0x02);
}

bool IsPublic(const sockaddr* address) {
  if (address->sa_family == AF_INET)
    return IsPublic(ntohl(reinterpret_cast<const sockaddr_in*>(address)->sin_addr.s_addr));
  if (address->sa_family == AF_INET6) return IsPublic(reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr);
  return false;
}

struct CloseCurl {
  void operator()(CURL* curl) const { curl_easy_cleanup(curl); }
};
using Curl = std::unique_ptr<CURL, CloseCurl>;

// "https://host:port" of a URL, for messages: the rest may hold what is secret.
std::string ServerOf(const std::string& url) {
  const std::size_t scheme = url.find("://");
  if (scheme == std::string::npos) return "?";
  const std::size_t end = url.find_first_of("/?#", scheme + 3);
  const std::string_view authority = std::string_view(url).substr(scheme + 3, end - scheme - 3);
  const std::size_t at = authority.rfind('@');
  return url.substr(0, scheme + 3) + std::string(at == authority.npos ? authority : authority.substr(at + 1));
}

// Whether a URL names a loopback address by its number.
bool IsLoopbackUrl(const std::string& url) {
  const std::size_t scheme = url.find("://");
  if (scheme == std::string::npos) return false;
  const std::string authority = url.substr(scheme + 3, url.find_first_of("/?#", scheme + 3) - scheme - 3);
  if (authority.find('@') != std::string::npos) return false;  // What stands before it is a user's name.
  if (authority == "[::1]" || authority.starts_with("[::1]:")) return true;
  in_addr v4{};
  return ::inet_pton(AF_INET, authority.substr(0, authority.find(':')).c_str(), &v4) == 1 &&
         ntohl(v4.s_addr) >> 24 == 127;
}

// What the callbacks of one call share.
struct Transfer {
  const HttpCallerOptions& options;
  const HttpCall& call;
  const std::stop_token& stop;
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers = {};
  bool refused = false, too_large = false;

  static curl_socket_t Open(void* self, curlsocktype, curl_sockaddr* address) {
    auto& t = *static_cast<Transfer*>(self);
    if (!t.options.allow_private && !IsPublic(&address->addr)) {
      t.refused = true;
      return CURL_SOCKET_BAD;
    }
    return ::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
  }
  static std::size_t Take(const char* data, std::size_t size, std::size_t count, void* self) {
    auto& t = *static_cast<Transfer*>(self);
    t.too_large = t.body.size() + size * count > t.call.max_reply_bytes;
    if (t.too_large) return 0;
    t.body.append(data, size * count);
    return size * count;
  }
  static std::size_t TakeHeader(const char* data, std::size_t size, std::size_t count, void* self) {
    auto& t = *static_cast<Transfer*>(self);
    std::string_view line(data, size * count);
    while (line.ends_with('\n') || line.ends_with('\r') || line.ends_with(' ')) line.remove_suffix(1);
    if (line.starts_with("HTTP/")) t.headers.clear();  // Another reply's begin, after 100 Continue.
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) return size * count;
    std::string name(line.substr(0, colon));
    for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    line.remove_prefix(colon + 1);
    while (line.starts_with(' ')) line.remove_prefix(1);
    t.headers.emplace_back(std::move(name), std::string(line));
    return size * count;
  }
  static int Goes(void* self, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
    return static_cast<Transfer*>(self)->stop.stop_requested() ? 1 : 0;
  }
};

class CurlCaller final : public HttpCaller {
 public:
  explicit CurlCaller(HttpCallerOptions options) : options_(std::move(options)) {
    static const CURLcode started = curl_global_init(CURL_GLOBAL_DEFAULT);
    (void)started;  // A failure shows in curl_easy_init.
  }

  Result<HttpAnswer> Send(const HttpCall& call, const std::stop_token& stop) override {
    const std::int64_t deadline_ms = call.deadline_ms != 0 ? call.deadline_ms : MonotonicMs() + kDefaultTimeoutMs;
    const std::int64_t left_ms = deadline_ms - MonotonicMs();
    const std::string server = ServerOf(call.url);
    const auto unavailable = [&](const std::string& why) {
      return Error{ErrorCode::kUnavailable, "no answer from " + server + ": " + why};
    };
    if (stop.stop_requested()) return unavailable("a stop was requested");
    if (left_ms <= 0) return unavailable("the deadline has passed");
    Curl curl = Borrow();
    if (curl == nullptr) return unavailable("libcurl does not start");
    Transfer transfer{.options = options_, .call = call, .stop = stop};
    curl_slist* list = nullptr;
    for (const std::string& header : call.headers) list = curl_slist_append(list, header.c_str());
    list = curl_slist_append(list, "Expect:");  // No round trip before a body.
    const std::unique_ptr<curl_slist, void (*)(curl_slist*)> headers(list, curl_slist_free_all);
    SetUp(curl.get(), call, &transfer, left_ms);
    curl_easy_setopt(curl.get(), CURLOPT_HTTPHEADER, headers.get());
    const CURLcode code = curl_easy_perform(curl.get());
    if (code != CURLE_OK) return WhatFailed(code, transfer, server, unavailable);
    HttpAnswer answer{.body = std::move(transfer.body), .headers = std::move(transfer.headers)};
    long status = 0;
    const char* content_type = nullptr;
    curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(curl.get(), CURLINFO_CONTENT_TYPE, &content_type);
    answer.status = static_cast<int>(status);
    if (content_type != nullptr) answer.content_type = content_type;
    Return(std::move(curl));
    return answer;
  }

 private:
  void SetUp(CURL* curl, const HttpCall& call, Transfer* transfer, std::int64_t left_ms) const {
    const auto set = [curl](CURLoption option, auto value) { (void)curl_easy_setopt(curl, option, value); };
    set(CURLOPT_URL, call.url.c_str());
    set(CURLOPT_PROTOCOLS_STR, "http,https");
    set(CURLOPT_FOLLOWLOCATION, 0L);
    set(CURLOPT_PATH_AS_IS, 1L);
    set(CURLOPT_PROXY, "");
    set(CURLOPT_NOSIGNAL, 1L);
    const bool trusted = options_.trust_loopback && IsLoopbackUrl(call.url);
    set(CURLOPT_SSL_VERIFYPEER, trusted ? 0L : 1L);
    set(CURLOPT_SSL_VERIFYHOST, trusted ? 0L : 2L);
    if (!options_.ca_file.empty()) set(CURLOPT_CAINFO, options_.ca_file.c_str());
    set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(std::min(options_.connect_timeout_ms, left_ms)));
    set(CURLOPT_TIMEOUT_MS, static_cast<long>(left_ms));
    set(CURLOPT_LOW_SPEED_LIMIT, 1L);
    set(CURLOPT_LOW_SPEED_TIME, static_cast<long>(options_.stalled_s));
    set(CURLOPT_OPENSOCKETFUNCTION, &Transfer::Open);
    set(CURLOPT_OPENSOCKETDATA, transfer);
    set(CURLOPT_WRITEFUNCTION, &Transfer::Take);
    set(CURLOPT_WRITEDATA, transfer);
    set(CURLOPT_HEADERFUNCTION, &Transfer::TakeHeader);
    set(CURLOPT_HEADERDATA, transfer);
    set(CURLOPT_NOPROGRESS, 0L);
    set(CURLOPT_XFERINFOFUNCTION, &Transfer::Goes);
    set(CURLOPT_XFERINFODATA, transfer);
    if (call.method != "GET") {
      set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(call.body.size()));
      set(CURLOPT_POSTFIELDS, call.body.empty() ? "" : call.body.data());
      set(CURLOPT_CUSTOMREQUEST, call.method.c_str());
    }
    if (call.aws) {
      set(CURLOPT_AWS_SIGV4, ("aws:amz:" + call.aws->region + ":" + call.aws->service).c_str());
      set(CURLOPT_USERPWD, (call.aws->access_key + ":" + call.aws->secret_key).c_str());
    }
  }

  static Error WhatFailed(CURLcode code, const Transfer& transfer, const std::string& server, const auto& unavailable) {
    if (transfer.refused)
      return {ErrorCode::kInvalidArgument,
              server + " has an address of a private or reserved network, which is not allowed here"};
    if (transfer.too_large)
      return {ErrorCode::kResourceExhausted,
              "the reply of " + server + " is larger than " + std::to_string(transfer.call.max_reply_bytes) + " bytes"};
    if (code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL)
      return {ErrorCode::kInvalidArgument, server + " is not of an http or https URL"};
    if (code == CURLE_ABORTED_BY_CALLBACK) return unavailable("a stop was requested");
    return unavailable(curl_easy_strerror(code));
  }

  // A handle keeps its connection; options are set anew for each call.
  Curl Borrow() {
    const MutexLock lock(mutex_);
    if (idle_.empty()) return Curl(curl_easy_init());
    Curl curl = std::move(idle_.back());
    idle_.pop_back();
    curl_easy_reset(curl.get());
    return curl;
  }
  void Return(Curl curl) {
    const MutexLock lock(mutex_);
    if (idle_.size() < kMostIdle) idle_.push_back(std::move(curl));
  }

  const HttpCallerOptions options_;
  Mutex mutex_;
  std::vector<Curl> idle_;
};

}  // namespace

std::string_view HttpAnswer::Header(std::string_view name) const {
  const auto at = std::ranges::find(headers, name, &std::pair<std::string, std::string>::first);
  return at == headers.end() ? std::string_view() : std::string_view(at->second);
}

std::unique_ptr<HttpCaller> MakeHttpCaller(HttpCallerOptions options) {
  return std::make_unique<CurlCaller>(std::move(options));
}

bool IsPublicAddress(const std::string& address) {
  in_addr v4{};
  if (::inet_pton(AF_INET, address.c_str(), &v4) == 1) return IsPublic(ntohl(v4.s_addr));
  in6_addr v6{};
  return ::inet_pton(AF_INET6, address.c_str(), &v6) == 1 && IsPublic(v6);
}

}  // namespace gfr

// The main of a fuzz target without a fuzzer: runs every file of the folders it is given once, and each of them cut
// short and with a bit turned. With --seconds N also random changes of them for so long (--seed S): no fuzzer, as
// nothing tells it which change reached new code, but it needs no clang. What was run at a crash is left in
// ./crash-input.
#include <fcntl.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

std::string current;  // What runs, for the handler.

extern "C" void LeaveInput(int signal) {
  const int file = ::open("crash-input", O_WRONLY | O_CREAT | O_TRUNC, 0644);
  if (file >= 0) {
    (void)!::write(file, current.data(), current.size());
    ::close(file);
  }
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

void Run(const std::string& bytes) {
  current = bytes;
  LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(current.data()), current.size());
}

void ReplayWithSmallChanges(const std::string& bytes) {
  Run(bytes);
  for (std::size_t i = 0; i < bytes.size(); i += 1 + bytes.size() / 500) {
    Run(bytes.substr(0, i));
    std::string turned = bytes;
    turned[i] = static_cast<char>(turned[i] ^ (1 << i % 8));
    Run(turned);
  }
}

// One to eight changes: bits, bytes, numbers at their limits, parts doubled, left out or of another input.
std::string Changed(std::string bytes, const std::vector<std::string>& corpus, std::mt19937_64& random) {
  const auto below = [&](std::size_t n) { return n == 0 ? 0 : static_cast<std::size_t>(random() % n); };
  for (std::size_t changes = 1 + below(8); changes > 0; --changes) {
    const std::size_t at = below(bytes.size());
    const std::string& other = corpus[below(corpus.size())];
    const std::size_t from = below(other.size()), length = below(std::min<std::size_t>(other.size() - from, 64) + 1);
    switch (below(7)) {
      case 0:
        if (!bytes.empty()) bytes[at] = static_cast<char>(bytes[at] ^ (1 << below(8)));
        break;
      case 1:
        if (!bytes.empty()) bytes[at] = static_cast<char>(random());
        break;
      case 2:
        bytes.insert(at, other, from, length);
        break;
      case 3:
        bytes.erase(at, length);
        break;
      case 4:
        bytes.replace(at, length, other, from, length);
        break;
      case 5: {
        constexpr std::uint64_t kLimits[] = {0, 1, 0x7f, 0x80, 0xff, 0x7fffffff, 0x80000000, 0xffffffff, UINT64_MAX};
        const std::uint64_t limit = kLimits[below(std::size(kLimits))];
        const std::size_t size = std::size_t{1} << below(4);
        if (at + size <= bytes.size()) std::memcpy(bytes.data() + at, &limit, size);
        break;
      }
      default: {
        constexpr const char* kTexts[] = {"\"",    "\"\"", "\n", "\r\n", ",", ";", "|", "\\", "\xff", "-",
                                          "1e309", "nan",  "\0", "[",    "{", "=", "#", ".",  "%",    "  "};
        bytes.insert(at, kTexts[below(std::size(kTexts))]);
      }
    }
  }
  return bytes;
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> corpus;
  double seconds = 0;
  std::uint64_t seed = 1;
  for (int a = 1; a < argc; ++a) {
    if (std::strcmp(argv[a], "--seconds") == 0 && a + 1 < argc) {
      seconds = std::stod(argv[++a]);
      continue;
    }
    if (std::strcmp(argv[a], "--seed") == 0 && a + 1 < argc) {
      seed = std::stoull(argv[++a]);
      continue;
    }
    for (const auto& entry : std::filesystem::directory_iterator(argv[a])) {
      std::ifstream in(entry.path(), std::ios::binary);
      corpus.emplace_back(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
    }
  }
  for (const int signal : {SIGSEGV, SIGABRT, SIGFPE, SIGBUS, SIGILL}) std::signal(signal, LeaveInput);
  for (const std::string& bytes : corpus) ReplayWithSmallChanges(bytes);
  std::uint64_t runs = 0;
  if (seconds > 0 && !corpus.empty()) {
    std::mt19937_64 random(seed);
    const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
    std::vector<std::string> pool = corpus;
    while (std::chrono::steady_clock::now() < end) {
      std::string input = Changed(pool[random() % pool.size()], corpus, random);
      Run(input);
      ++runs;
      // Some changed inputs are changed further.
      if (input.size() < (1u << 20) && random() % 16 == 0) {
        if (pool.size() < 4096)
          pool.push_back(std::move(input));
        else
          pool[corpus.size() + random() % (pool.size() - corpus.size())] = std::move(input);
      }
    }
  }
  std::printf("%zu files, %llu changed inputs\n", corpus.size(), static_cast<unsigned long long>(runs));
  return corpus.empty();
}

// The main of a fuzz target without a fuzzer: runs every file of the folders it is given once, and each of them cut
// short and with a bit turned.
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

int main(int argc, char** argv) {
  int files = 0;
  for (int a = 1; a < argc; ++a) {
    for (const auto& entry : std::filesystem::directory_iterator(argv[a])) {
      std::ifstream in(entry.path(), std::ios::binary);
      std::string bytes((std::istreambuf_iterator<char>(in)), {});
      const auto run = [](const std::string& b) {
        LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(b.data()), b.size());
      };
      run(bytes);
      for (std::size_t i = 0; i < bytes.size(); i += 1 + bytes.size() / 500) {
        run(bytes.substr(0, i));
        std::string turned = bytes;
        turned[i] = static_cast<char>(turned[i] ^ (1 << i % 8));
        run(turned);
      }
      ++files;
    }
  }
  std::printf("%d files\n", files);
  return files == 0;
}

// `gfr serve --model FILE`, `gfr serve --models FOLDER` and `gfr container serve`: a server of model files.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace gfr {

struct ModelServerFlags {
  std::string model;   // The file, or a folder that holds it.
  std::string models;  // Below which models may be loaded by name.
  std::string name = "model";
  std::string listen = "127.0.0.1:8080";
  std::vector<std::string> hosts;
  std::uint64_t memory_bytes = 4ull << 30;
  std::string token_file;  // Of what calls but probes and /metrics show; empty: they need none.
  bool open = false;       // They need none on any address.
  bool container = false;  // Of SageMaker: whatever the Host.
  bool batch = false;      // Its batch transform.
  bool json = false;
};

// Until SIGTERM or SIGINT; gives the exit code.
int RunModelServer(const ModelServerFlags& flags);

}  // namespace gfr

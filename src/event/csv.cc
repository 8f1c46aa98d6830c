#include "event/importer.h"

namespace gfr {

bool SplitCsv(std::string_view line, std::vector<std::string>* cells) {
  cells->clear();
  std::size_t at = 0;
  for (;;) {
    std::string cell;
    if (at < line.size() && line[at] == '"') {
      for (++at;; ++at) {
        if (at >= line.size()) return false;
        if (line[at] == '"') {
          if (at + 1 >= line.size() || line[at + 1] != '"') break;
          ++at;
        }
        cell += line[at];
      }
      if (++at < line.size() && line[at] != ',') return false;
    } else {
      const std::size_t end = std::min(line.find(',', at), line.size());
      cell = line.substr(at, end - at);
      at = end;
    }
    cells->push_back(std::move(cell));
    if (at >= line.size()) return true;
    ++at;
  }
}

}  // namespace gfr

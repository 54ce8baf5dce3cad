// Reports lie in CACHE/KIND-DIGEST/, named by the digest of the object.
#include "referee/reports.hpp"

#include <cstdlib>

#include <fmt/format.h>

#include "support/tools.hpp"

namespace skep::referee {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t kBatch = 32;  // objects for one run of a witness

std::string_view chars_of(const objects::Image& image) {
  return {reinterpret_cast<const char*>(image.data()), image.size()};
}

}  // namespace

std::uint64_t digest(std::span<const std::byte> bytes, std::uint64_t seed) {
  for (const std::byte byte : bytes) seed = (seed ^ static_cast<std::uint64_t>(byte)) * 0x100000001b3;
  return seed;
}

std::string text_of(const fs::path& path) {
  const auto bytes = tools::read_file(path);
  return bytes ? std::string(chars_of(*bytes)) : std::string();
}

Reports::Reports(const fs::path& cache, const std::string& kind, std::uint64_t depends)
    : folder_(cache / fmt::format("{}-{:016x}", kind, depends)) {
  for (const auto& entry : fs::directory_iterator(cache))
    if (entry.path().filename().string().starts_with(kind + "-") && entry.path() != folder_)
      fs::remove_all(entry.path());
  fs::create_directories(folder_);
}

fs::path Reports::path_of(const objects::Found& found) const {
  return folder_ / fmt::format("{:016x}.tsv", digest(found.image));
}

bool Reports::ask(const std::vector<objects::Found>& found, const std::string& command) const {
  const tools::Scratch scratch;
  std::string triples;
  std::size_t waiting = 0;
  for (std::size_t i = 0; i < found.size(); ++i) {
    if (const fs::path report = path_of(found[i]); !fs::exists(report)) {
      triples += fmt::format(" {} {} {}", found[i].name,
                             scratch.write(std::to_string(i) + ".o", chars_of(found[i].image)), report.string());
      ++waiting;
    }
    if (waiting == 0 || (waiting < kBatch && i + 1 < found.size())) continue;
    if (!tools::output_of(command + triples)) return false;
    triples.clear();
    waiting = 0;
  }
  return true;
}

bool Reports::ask_at_once(const std::vector<objects::Found>& found, const std::string& command) const {
  const tools::Scratch scratch;
  std::string triples;
  for (std::size_t i = 0; i < found.size(); ++i)
    if (const fs::path report = path_of(found[i]); !fs::exists(report))
      triples += fmt::format("{} {} {}\n", found[i].name,
                             scratch.write(std::to_string(i) + ".o", chars_of(found[i].image)), report.string());
  return triples.empty() || std::system((command + " " + scratch.write("list", triples)).c_str()) == 0;
}

}  // namespace skep::referee

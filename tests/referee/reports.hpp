// What a witness said of objects, kept by the object's bytes so that it is asked once.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "support/objects.hpp"

namespace skep::referee {

/// FNV-1a; `seed` lets digests be chained.
[[nodiscard]] std::uint64_t digest(std::span<const std::byte> bytes, std::uint64_t seed = 0xcbf29ce484222325);
/// A file as text; empty when it cannot be read.
[[nodiscard]] std::string text_of(const std::filesystem::path& path);

/// A folder of reports in the referee's cache. Those made by another witness, or in other surroundings, go.
class Reports {
 public:
  /// `kind` names the folder, "reports"; `depends` holds what the reports depend on.
  Reports(const std::filesystem::path& cache, const std::string& kind, std::uint64_t depends);

  [[nodiscard]] std::filesystem::path path_of(const objects::Found& found) const;
  [[nodiscard]] std::string about(const objects::Found& found) const { return text_of(path_of(found)); }
  /// Runs `command` with triples of name, object and report for those of `found` that have no report yet; few enough at
  /// a time for a command line. False when it fails.
  bool ask(const std::vector<objects::Found>& found, const std::string& command) const;
  /// The same for a command that wants them all in one file, lines of such triples; what it prints is shown.
  bool ask_at_once(const std::vector<objects::Found>& found, const std::string& command) const;

 private:
  std::filesystem::path folder_;
};

}  // namespace skep::referee

// Objects for tests: compiled from tests/bpf/, and found where distributions keep them.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "loader/object_spec.hpp"

namespace skep::objects {

using Image = std::vector<std::byte>;

/// tests/bpf/NAME compiled by clang-19; says "SKIP: …" and gives nothing when that cannot be done here.
[[nodiscard]] std::optional<Image> compile(const std::string& name, const std::string& flags = "");
/// The same for source text, C or (name ends in ".S") assembly.
[[nodiscard]] std::optional<Image> compile_text(const std::string& name, std::string_view source,
                                                const std::string& flags = "");

/// A BPF object of the system.
struct Found {
  std::string name;  ///< file, and number of the image inside an executable: "xdp-bench#2"
  Image image;
};
/// The BPF objects inside the executables of an installed package; empty when it is not installed.
[[nodiscard]] std::vector<Found> in_executables(const std::string& package);
/// The files in a folder whose names end so; empty when there is none.
[[nodiscard]] std::vector<Found> in_folder(const std::string& folder, const std::string& ending);

/// The program of that name, null when there is none.
[[nodiscard]] const program::Program* program(const loader::ObjectSpec& object, std::string_view name);
/// The map of that name, null when there is none.
[[nodiscard]] const loader::MapDef* map(const loader::ObjectSpec& object, std::string_view name);

}  // namespace skep::objects

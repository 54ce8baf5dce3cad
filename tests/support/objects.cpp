// Compiles and finds objects for tests.
#include "support/objects.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <sstream>

#include "support/tools.hpp"

namespace skep::objects {
namespace {

constexpr const char* kFlags = "-g -O2 -target bpf -mcpu=v3 -I/usr/include/x86_64-linux-gnu -Wno-everything ";

std::optional<Image> run_clang(const std::string& source, const std::string& flags) {
  const tools::Scratch scratch;
  const std::string object = scratch.write("object.o", "");
  if (!tools::output_of("clang-19 " + std::string(kFlags) + flags + " -c " + source + " -o " + object)) {
    MESSAGE("SKIP: clang-19 does not compile ", source);
    return std::nullopt;
  }
  return tools::read_file(object);
}

template <class T>
std::optional<T> read(const Image& file, std::uint64_t at) {
  T value;
  if (at > file.size() || sizeof value > file.size() - at) return std::nullopt;
  std::memcpy(&value, file.data() + at, sizeof value);
  return value;
}

/// The end of the ELF image at `start`: the furthest of its section headers and their contents; nothing when it is no
/// BPF object.
std::optional<std::uint64_t> image_end(const Image& file, std::uint64_t start) {
  constexpr std::uint8_t kClass64 = 2;
  constexpr std::uint16_t kBpf = 247;
  constexpr std::uint32_t kNobits = 8;
  const auto headers = read<std::uint64_t>(file, start + 40);
  const auto count = read<std::uint16_t>(file, start + 60);
  if (read<std::uint8_t>(file, start + 4) != kClass64 || read<std::uint16_t>(file, start + 18) != kBpf || !headers ||
      !count)
    return std::nullopt;
  std::uint64_t end = *headers + *count * std::uint64_t{64};
  for (std::uint64_t i = 0; i < *count; ++i) {
    const std::uint64_t header = start + *headers + i * 64;
    const auto type = read<std::uint32_t>(file, header + 4);
    const auto offset = read<std::uint64_t>(file, header + 24), size = read<std::uint64_t>(file, header + 32);
    if (!size) return std::nullopt;
    if (type != kNobits) end = std::max(end, *offset + *size);
  }
  return start + end <= file.size() ? std::optional(start + end) : std::nullopt;
}

void collect_images(const std::string& path, std::vector<Found>& found) {
  const auto file = tools::read_file(path);
  if (!file) return;
  const std::string_view text(reinterpret_cast<const char*>(file->data()), file->size());
  std::size_t number = 0;
  for (std::size_t at = text.find("\x7f"
                                  "ELF");
       at != std::string_view::npos; at = text.find("\x7f"
                                                    "ELF",
                                                    at + 4)) {
    const auto end = image_end(*file, at);
    if (!end) continue;
    found.push_back({.name = path.substr(path.rfind('/') + 1) + "#" + std::to_string(number++),
                     .image = Image(file->begin() + static_cast<std::ptrdiff_t>(at),
                                    file->begin() + static_cast<std::ptrdiff_t>(*end))});
  }
}

}  // namespace

std::optional<Image> compile(const std::string& name, const std::string& flags) {
  return run_clang("tests/bpf/" + name, flags);
}

std::optional<Image> compile_text(const std::string& name, std::string_view source, const std::string& flags) {
  const tools::Scratch scratch;
  return run_clang(scratch.write(name, source), flags);
}

std::vector<Found> in_executables(const std::string& package) {
  std::vector<Found> found;
  const auto listing = tools::output_of("dpkg -L " + package);
  std::istringstream lines(listing.value_or(""));
  for (std::string path; std::getline(lines, path);)
    if (path.find("/sbin/") != std::string::npos || path.find("/bin/") != std::string::npos)
      collect_images(path, found);
  return found;
}

std::vector<Found> in_folder(const std::string& folder, const std::string& ending) {
  std::vector<Found> found;
  std::error_code missing;
  for (const auto& entry : std::filesystem::directory_iterator(folder, missing)) {
    const std::string name = entry.path().filename().string();
    if (!name.ends_with(ending)) continue;
    if (auto image = tools::read_file(entry.path())) found.push_back({.name = name, .image = std::move(*image)});
  }
  std::sort(found.begin(), found.end(), [](const Found& a, const Found& b) { return a.name < b.name; });
  return found;
}

const program::Program* program(const loader::ObjectSpec& object, std::string_view name) {
  for (const auto& program : object.programs)
    if (program->name == name) return program.get();
  return nullptr;
}

const loader::MapDef* map(const loader::ObjectSpec& object, std::string_view name) {
  for (const auto& map : object.maps)
    if (map.spec.name == name) return &map;
  return nullptr;
}

}  // namespace skep::objects

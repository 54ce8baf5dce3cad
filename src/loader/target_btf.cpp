// Tells ELF from raw BTF by its first bytes.
#include "loader/target_btf.hpp"

#include <array>
#include <cstring>

#include <fmt/format.h>

#include "btf/btf.hpp"
#include "elf/elf.hpp"

namespace skep::loader {

Result<std::shared_ptr<const btf::Btf>> parse_target_btf(std::span<const std::byte> bytes, const std::string& path) {
  constexpr std::array<char, 4> kElf = {0x7f, 'E', 'L', 'F'};
  const auto refuse = [&path](Error error) {
    error.where = fmt::format("{}: {}", path, error.where);
    return fail(std::move(error));
  };
  Bytes types = bytes;
  if (bytes.size() >= kElf.size() && std::memcmp(bytes.data(), kElf.data(), kElf.size()) == 0) {
    const auto file = elf::File::parse(bytes);
    if (!file) return refuse(file.error());
    const elf::Section* section = file->find(".BTF");
    if (section == nullptr) return fail(ErrorCode::not_found, path, "has no section .BTF");
    types = section->data;
  }
  if (types.size() > kMaxTargetBtfBytes)
    return fail(ErrorCode::limit, path,
                fmt::format("{} bytes of types, at most {} are taken", types.size(), kMaxTargetBtfBytes));
  auto btf = btf::Btf::parse(types);
  if (!btf) return refuse(std::move(btf).error());
  return std::move(*btf);
}

}  // namespace skep::loader

// Tells ELF from raw BTF by its first bytes, and reads just what holds types.
#include "loader/target_btf.hpp"

#include <fmt/format.h>

#include "btf/btf.hpp"

namespace skep::loader {
namespace {

/// One file's types, each error of which names it.
struct TypesFile {
  const elf::ReadAt& file;
  const std::string& path;

  [[nodiscard]] tl::unexpected<Error> refuse(Error error) const {
    error.where = fmt::format("{}: {}", path, error.where);
    return fail(std::move(error));
  }

  [[nodiscard]] Result<Types> parse(elf::SectionPlace place, const Types& base) const {
    if (place.bytes > kMaxTargetBtfBytes)
      return fail(ErrorCode::limit, path,
                  fmt::format("{} bytes of types, at most {} are taken", place.bytes, kMaxTargetBtfBytes));
    auto bytes = file(place.offset, place.bytes);
    if (!bytes)
      return fail(ErrorCode::malformed, path,
                  fmt::format("{} bytes of types at {} pass its end", place.bytes, place.offset));
    const auto kept = std::make_shared<const std::vector<std::byte>>(std::move(*bytes));
    auto types = btf::Btf::parse_in_place(*kept, kept, base);
    return types ? Result<Types>(std::move(*types)) : refuse(std::move(types).error());
  }

  [[nodiscard]] Result<Types> parse_elf(Types base) const {
    const auto own = elf::find_section(file, ".BTF");
    if (!own) return refuse(own.error());
    if (!*own) return fail(ErrorCode::not_found, path, "has no section .BTF");
    if (base == nullptr) {
      const auto brought = elf::find_section(file, ".BTF.base");
      if (!brought) return refuse(brought.error());
      if (*brought) {
        auto types = parse(**brought, nullptr);
        if (!types) return types;
        base = std::move(*types);
      }
    }
    return parse(**own, base);
  }
};

}  // namespace

Result<Types> parse_target_btf(const elf::ReadAt& file, std::uint64_t file_bytes, const std::string& path,
                               const Types& base) {
  const TypesFile types{file, path};
  return elf::is_elf(file) ? types.parse_elf(base) : types.parse({0, file_bytes}, base);
}

Result<Types> parse_target_btf(std::span<const std::byte> bytes, const std::string& path, const Types& base) {
  const ByteReader reader(bytes);
  const elf::ReadAt read = [reader](std::uint64_t offset, std::uint64_t size) {
    const auto part = reader.slice(offset, size);
    return part ? std::optional(std::vector<std::byte>(part->begin(), part->end())) : std::nullopt;
  };
  return parse_target_btf(read, bytes.size(), path, base);
}

}  // namespace skep::loader

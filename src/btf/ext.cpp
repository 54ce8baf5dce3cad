// Reads .BTF.ext: for each ELF section, records that tie instructions to functions, source lines and CO-RE accesses.
//
// The three tables share one form: a record size, then blocks of a section name, a count and that many records. Records
// may be longer than skep knows (a newer compiler's); the rest is skipped. Everything is checked against the section
// and its Btf.
#include <fmt/format.h>

#include "btf/btf.hpp"

namespace skep::btf {
namespace {

constexpr std::uint16_t kMagic = 0xeb9f;
constexpr std::uint32_t kInsnBytes = 8;
constexpr std::size_t kMaxRecords = 1u << 19;  // of each table: what they become takes 32 MiB at most

struct RawHeader {
  std::uint16_t magic;
  std::uint8_t version, flags;
  std::uint32_t hdr_len, func_off, func_len, line_off, line_len;
};
struct RawCoreHeader {  ///< follows RawHeader when hdr_len has room
  std::uint32_t relo_off, relo_len;
};
struct RawBlock {
  std::uint32_t section, count;
};
struct RawFunc {
  std::uint32_t insn_bytes, type;
};
struct RawLine {
  std::uint32_t insn_bytes, file, text, position;
};
struct RawReloc {
  std::uint32_t insn_bytes, type, access, kind;
};
static_assert(sizeof(RawHeader) == 24 && sizeof(RawFunc) == 8 && sizeof(RawLine) == 16 && sizeof(RawReloc) == 16);

tl::unexpected<Error> malformed(std::string where, std::string what) {
  return fail(ErrorCode::malformed, std::move(where), std::move(what));
}

/// One of the three tables, `what` for messages.
struct Table {
  const char* what;
  std::uint64_t offset;
  std::uint32_t bytes;
};

/// Turns records into entries; each overload names the strings and types that its record refers to.
struct Builder {
  const Btf& btf;
  BtfExt& ext;

  [[nodiscard]] const char* add(std::string_view section, const RawFunc& raw) const {
    if (btf.type(raw.type).kind != Kind::func) return "type is no function";
    ext.funcs.push_back({section, raw.insn_bytes, raw.type});
    return nullptr;
  }
  [[nodiscard]] const char* add(std::string_view section, const RawLine& raw) const {
    const auto file = btf.string_at(raw.file), text = btf.string_at(raw.text);
    if (!file || !text) return "file or text past end of the strings";
    ext.lines.push_back({section, raw.insn_bytes, *file, *text, raw.position >> 10, raw.position & 0x3ff});
    return nullptr;
  }
  [[nodiscard]] const char* add(std::string_view section, const RawReloc& raw) const {
    const auto access = btf.string_at(raw.access);
    if (!access) return "access past end of the strings";
    if (raw.type >= btf.size()) return "type past the last";
    ext.relocs.push_back({section, raw.insn_bytes, raw.type, *access, raw.kind});
    return nullptr;
  }
};

template <class Raw>
Result<void> read_table(ByteReader input, const Table& table, const Builder& builder) {
  if (table.bytes == 0) return {};
  const std::string where = fmt::format("btf.ext: {}", table.what);
  const auto bytes = input.slice(table.offset, table.bytes);
  if (!bytes)
    return malformed(where, fmt::format("{} bytes at offset {} past end {}", table.bytes, table.offset, input.size()));
  const ByteReader reader(*bytes);
  const auto record_bytes = reader.read<std::uint32_t>(0);
  if (!record_bytes || *record_bytes < sizeof(Raw) || *record_bytes % 4 != 0) {
    return malformed(where, fmt::format("records of {} bytes, needs a multiple of 4 of at least {}",
                                        record_bytes.value_or(0), sizeof(Raw)));
  }
  std::uint64_t records = 0;
  for (std::uint64_t at = 4; at < table.bytes;) {
    const auto block = reader.read<RawBlock>(at);
    if (!block) return malformed(where, fmt::format("ends inside the block at {}", at));
    const auto section = builder.btf.string_at(block->section);
    if (!section) return malformed(where, fmt::format("name of the block at {} past end of the strings", at));
    at += sizeof(RawBlock);
    const std::uint64_t block_bytes = std::uint64_t{block->count} * *record_bytes;
    if (!reader.slice(at, block_bytes)) {
      return malformed(where,
                       fmt::format("{} records for {} at {} past end {}", block->count, *section, at, table.bytes));
    }
    if ((records += block->count) > kMaxRecords)
      return fail(ErrorCode::limit, where, fmt::format("more than {} records", kMaxRecords));
    for (const std::uint64_t end = at + block_bytes; at < end; at += *record_bytes) {
      const Raw raw = *reader.read<Raw>(at);
      const char* wrong =
          raw.insn_bytes % kInsnBytes == 0 ? builder.add(*section, raw) : "offset inside an instruction";
      if (wrong != nullptr) {
        return malformed(where, fmt::format("record for {} byte {}: {}", *section, raw.insn_bytes, wrong));
      }
    }
  }
  return {};
}

}  // namespace

Result<BtfExt> BtfExt::parse(Bytes bytes, const Btf& btf) {
  const ByteReader input(bytes);
  const auto header = input.read<RawHeader>(0);
  if (!header || header->magic != kMagic) {
    return malformed("btf.ext", fmt::format("no BTF header in {} bytes", input.size()));
  }
  if (header->version != 1 || header->flags != 0) {
    return fail(ErrorCode::unsupported, "btf.ext",
                fmt::format("version {} flags {}, skep reads version 1 flags 0", header->version, header->flags));
  }
  const std::uint64_t base = header->hdr_len;
  if (base < sizeof(RawHeader) || base > input.size()) {
    return malformed("btf.ext", fmt::format("header of {} bytes in {}", base, input.size()));
  }
  const bool has_core = base >= sizeof(RawHeader) + sizeof(RawCoreHeader);
  const RawCoreHeader core = has_core ? *input.read<RawCoreHeader>(sizeof(RawHeader)) : RawCoreHeader{};

  BtfExt ext;
  const Builder builder{btf, ext};
  const Table funcs{"function info", base + header->func_off, header->func_len};
  const Table lines{"line info", base + header->line_off, header->line_len};
  const Table relocs{"relocations", base + core.relo_off, core.relo_len};
  for (auto read : {read_table<RawFunc>(input, funcs, builder), read_table<RawLine>(input, lines, builder),
                    read_table<RawReloc>(input, relocs, builder)}) {
    if (!read) return fail(std::move(read).error());
  }
  return ext;
}

}  // namespace skep::btf

// Reads .BTF.ext: for each ELF section, records that tie instructions to functions, source lines and CO-RE accesses.
//
// The three tables share one form: a record size, then blocks of a section name, a count and that many records. Records
// may be longer than skep knows (a newer compiler's); the rest is skipped. parse() checks everything against the
// section and its Btf; afterwards records are decoded where they lie.
#include <fmt/format.h>

#include "btf/btf.hpp"
#include "btf/records.hpp"

namespace skep::btf {
namespace {

constexpr std::uint16_t kMagic = 0xeb9f;
constexpr std::uint32_t kInsnBytes = 8;
constexpr std::size_t kMaxRecords = 1u << 19;  // of each table

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

  [[nodiscard]] static RawBlock read(const std::byte* at) noexcept { return {word_at(at), word_at(at + 4)}; }
};
static_assert(sizeof(RawHeader) == 24 && sizeof(RawBlock) == 8);

constexpr std::uint32_t kFuncBytes = 8, kLineBytes = 16, kRelocBytes = 16;

tl::unexpected<Error> malformed(std::string where, std::string what) {
  return fail(ErrorCode::malformed, std::move(where), std::move(what));
}

/// Where a table lies, `what` for messages.
struct Table {
  const char* what;
  std::uint64_t offset;
  std::uint32_t bytes;
  std::uint32_t least_record;  ///< bytes
};

std::string_view text(const Btf& btf, std::uint32_t offset) noexcept { return *btf.string_at(offset); }

/// What is wrong with the strings and types that a record refers to; null for nothing.
const char* problem_of(const Btf& btf, const std::byte* at, const FuncInfo*) {
  return btf.kind(word_at(at + 4)) == Kind::func ? nullptr : "type is no function";
}
const char* problem_of(const Btf& btf, const std::byte* at, const LineInfo*) {
  const bool named = btf.string_at(word_at(at + 4)) && btf.string_at(word_at(at + 8));
  return named ? nullptr : "file or text past end of the strings";
}
const char* problem_of(const Btf& btf, const std::byte* at, const CoreReloc*) {
  if (!btf.string_at(word_at(at + 8))) return "access past end of the strings";
  return word_at(at + 4) < btf.size() ? nullptr : "type past the last";
}

}  // namespace

template <>
FuncInfo Records<FuncInfo>::decode(std::string_view section, const std::byte* at) const noexcept {
  return {.section = section, .insn_bytes = word_at(at), .type = word_at(at + 4)};
}

template <>
LineInfo Records<LineInfo>::decode(std::string_view section, const std::byte* at) const noexcept {
  const std::uint32_t position = word_at(at + 12);
  return {.section = section,
          .insn_bytes = word_at(at),
          .file = text(*btf_, word_at(at + 4)),
          .text = text(*btf_, word_at(at + 8)),
          .line = position >> 10,
          .column = position & 0x3ff};
}

template <>
CoreReloc Records<CoreReloc>::decode(std::string_view section, const std::byte* at) const noexcept {
  return {.section = section,
          .insn_bytes = word_at(at),
          .type = word_at(at + 4),
          .access = text(*btf_, word_at(at + 8)),
          .kind = word_at(at + 12)};
}

template <class Record>
void Records<Record>::iterator::enter_block() noexcept {
  while (left_ == 0 && at_ != all_->end_) {
    const RawBlock block = RawBlock::read(at_);
    section_ = text(*all_->btf_, block.section);
    left_ = block.count;
    at_ += sizeof block;
  }
}

template class Records<FuncInfo>;
template class Records<LineInfo>;
template class Records<CoreReloc>;

/// Checks a table and makes the view of it.
template <class Record>
class TableReader {
 public:
  TableReader(ByteReader input, const Btf& btf, const Table& table)
      : input_(input), btf_(btf), table_(table), where_(fmt::format("btf.ext: {}", table.what)) {}

  Result<Records<Record>> read() {
    Records<Record> records;
    records.btf_ = &btf_;
    if (table_.bytes == 0) return records;
    const auto bytes = input_.slice(table_.offset, table_.bytes);
    if (!bytes)
      return malformed(where_,
                       fmt::format("{} bytes at offset {} past end {}", table_.bytes, table_.offset, input_.size()));
    const ByteReader reader(*bytes);
    const auto record_bytes = reader.read<std::uint32_t>(0);
    if (!record_bytes || *record_bytes < table_.least_record || *record_bytes % 4 != 0)
      return malformed(where_, fmt::format("records of {} bytes, needs a multiple of 4 of at least {}",
                                           record_bytes.value_or(0), table_.least_record));
    records.record_bytes_ = *record_bytes;
    for (std::uint64_t at = 4; at < table_.bytes;) {
      const auto end = check_block(reader, at, records);
      if (!end) return fail(end.error());
      at = *end;
    }
    records.begin_ = bytes->data() + 4;
    records.end_ = bytes->data() + bytes->size();
    return records;
  }

 private:
  /// Gives the end of the block at `at`.
  Result<std::uint64_t> check_block(const ByteReader& reader, std::uint64_t at, Records<Record>& records) const {
    const auto block = reader.read<RawBlock>(at);
    if (!block) return malformed(where_, fmt::format("ends inside the block at {}", at));
    const auto section = btf_.string_at(block->section);
    if (!section) return malformed(where_, fmt::format("name of the block at {} past end of the strings", at));
    const std::uint64_t begin = at + sizeof(RawBlock);
    const auto contents = reader.slice(begin, std::uint64_t{block->count} * records.record_bytes_);
    if (!contents)
      return malformed(where_,
                       fmt::format("{} records for {} at {} past end {}", block->count, *section, begin, table_.bytes));
    if (records.size_ + block->count > kMaxRecords)
      return fail(ErrorCode::limit, where_, fmt::format("more than {} records", kMaxRecords));
    records.size_ += block->count;
    for (std::size_t each = 0; each < contents->size(); each += records.record_bytes_) {
      const std::byte* const record = contents->data() + each;
      const std::uint32_t insn_bytes = word_at(record);
      const char* wrong = insn_bytes % kInsnBytes != 0 ? "offset inside an instruction"
                                                       : problem_of(btf_, record, static_cast<Record*>(nullptr));
      if (wrong != nullptr)
        return malformed(where_, fmt::format("record for {} byte {}: {}", *section, insn_bytes, wrong));
    }
    return begin + contents->size();
  }

  ByteReader input_;
  const Btf& btf_;
  Table table_;
  std::string where_;
};

Result<BtfExt> BtfExt::parse(Bytes bytes, const Btf& btf) {
  const ByteReader input(bytes);
  const auto header = input.read<RawHeader>(0);
  if (!header || header->magic != kMagic)
    return malformed("btf.ext", fmt::format("no BTF header in {} bytes", input.size()));
  if (header->version != 1 || header->flags != 0)
    return fail(ErrorCode::unsupported, "btf.ext",
                fmt::format("version {} flags {}, skep reads version 1 flags 0", header->version, header->flags));
  const std::uint64_t base = header->hdr_len;
  if (base < sizeof(RawHeader) || base > input.size())
    return malformed("btf.ext", fmt::format("header of {} bytes in {}", base, input.size()));
  const bool has_core = base >= sizeof(RawHeader) + sizeof(RawCoreHeader);
  const RawCoreHeader core = has_core ? *input.read<RawCoreHeader>(sizeof(RawHeader)) : RawCoreHeader{};

  const Table func_table{"function info", base + header->func_off, header->func_len, kFuncBytes};
  const Table line_table{"line info", base + header->line_off, header->line_len, kLineBytes};
  const Table reloc_table{"relocations", base + core.relo_off, core.relo_len, kRelocBytes};
  const auto funcs = TableReader<FuncInfo>(input, btf, func_table).read();
  if (!funcs) return fail(funcs.error());
  const auto lines = TableReader<LineInfo>(input, btf, line_table).read();
  if (!lines) return fail(lines.error());
  const auto relocs = TableReader<CoreReloc>(input, btf, reloc_table).read();
  if (!relocs) return fail(relocs.error());
  return BtfExt{*funcs, *lines, *relocs};
}

}  // namespace skep::btf

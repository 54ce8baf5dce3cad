// Graph and records as the bytes of .BTF and .BTF.ext. Source: Linux Documentation/bpf/btf.rst.
#include <cstring>
#include <limits>

#include <fmt/format.h>

#include "btf/graph.hpp"

namespace skep::btf {
namespace {

constexpr std::uint16_t kMagic = 0xeb9f;
constexpr std::uint8_t kVersion = 1;

struct RawHeader {
  std::uint16_t magic;
  std::uint8_t version, flags;
  std::uint32_t hdr_len, type_off, type_len, str_off, str_len;
};
struct RawExtHeader {
  std::uint16_t magic;
  std::uint8_t version, flags;
  std::uint32_t hdr_len, func_off, func_len, line_off, line_len, relo_off, relo_len;
};
static_assert(sizeof(RawHeader) == 24 && sizeof(RawExtHeader) == 32);

using Words = std::vector<std::uint32_t>;

std::uint32_t length(const Words& words) { return static_cast<std::uint32_t>(words.size() * sizeof words[0]); }

std::vector<std::byte> join(std::initializer_list<std::span<const std::byte>> parts) {
  std::size_t total = 0, at = 0;
  for (const auto& part : parts) total += part.size();
  std::vector<std::byte> out(total);
  for (const auto& part : parts) {
    if (!part.empty()) std::memcpy(out.data() + at, part.data(), part.size());
    at += part.size();
  }
  return out;
}

template <class T>
std::span<const std::byte> bytes_of(const T& table) {
  return std::as_bytes(std::span(table));
}

/// The words of a record after its instruction.
struct Records {
  StringTable& strings;
  void put(Words& out, const FuncInfo& each) const { out.push_back(each.type); }
  void put(Words& out, const LineInfo& each) const {
    out.insert(out.end(), {strings.add(each.file), strings.add(each.text), each.line << 10 | each.column});
  }
  void put(Words& out, const CoreReloc& each) const {
    out.insert(out.end(), {each.type, strings.add(each.access), each.kind});
  }
};

/// One of the three tables: the size of a record, then blocks of a section's name, a count and records.
template <class Record>
Words make_table(const std::vector<Record>& records, std::uint32_t record_bytes, StringTable& strings) {
  Words out;
  if (records.empty()) return out;
  out.push_back(record_bytes);
  for (std::size_t i = 0; i < records.size();) {
    const std::string_view section = records[i].section;
    out.push_back(strings.add(section));
    const std::size_t count = out.size();
    out.push_back(0);
    for (; i < records.size() && records[i].section == section; ++i, ++out[count]) {
      out.push_back(records[i].insn_bytes);
      Records{strings}.put(out, records[i]);
    }
  }
  return out;
}

std::vector<std::byte> write_ext(const BtfExt& ext, StringTable& strings) {
  constexpr std::uint32_t kFuncBytes = 8, kLineBytes = 16, kRelocBytes = 16;
  const Words funcs = make_table(ext.funcs, kFuncBytes, strings);
  const Words lines = make_table(ext.lines, kLineBytes, strings);
  const Words relocs = make_table(ext.relocs, kRelocBytes, strings);
  if (funcs.empty() && lines.empty() && relocs.empty()) return {};
  const RawExtHeader header{.magic = kMagic,
                            .version = kVersion,
                            .flags = 0,
                            .hdr_len = sizeof(RawExtHeader),
                            .func_off = 0,
                            .func_len = length(funcs),
                            .line_off = length(funcs),
                            .line_len = length(lines),
                            .relo_off = length(funcs) + length(lines),
                            .relo_len = length(relocs)};
  return join({std::as_bytes(std::span(&header, 1)), bytes_of(funcs), bytes_of(lines), bytes_of(relocs)});
}

}  // namespace

Result<Graph::Written> Graph::write(const BtfExt& ext) const {
  StringTable strings;
  Words types(words_);
  for (TypeId id = 1; id < size(); ++id)
    visit_words(std::span(types).subspan(starts_[id], starts_[id + 1] - starts_[id]), name_places(kind(id)),
                [&](std::uint32_t& name) { name = strings.add(names_.at(name)); });
  Written out;
  out.ext = write_ext(ext, strings);
  const std::uint64_t total = types.size() * sizeof types[0] + strings.bytes().size() + out.ext.size();
  if (strings.full() || total > std::numeric_limits<std::uint32_t>::max())
    return fail(ErrorCode::limit, "btf", "types take more than 4 GiB");
  const RawHeader header{.magic = kMagic,
                         .version = kVersion,
                         .flags = 0,
                         .hdr_len = sizeof(RawHeader),
                         .type_off = 0,
                         .type_len = length(types),
                         .str_off = length(types),
                         .str_len = static_cast<std::uint32_t>(strings.bytes().size())};
  out.types = join({std::as_bytes(std::span(&header, 1)), bytes_of(types), bytes_of(strings.bytes())});
  return out;
}

}  // namespace skep::btf

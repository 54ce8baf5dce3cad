// Graph and records as the bytes of .BTF and .BTF.ext. Source: Linux Documentation/bpf/btf.rst.
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

/// What is written, part after part.
class Image {
 public:
  explicit Image(std::size_t bytes) { bytes_.reserve(bytes); }
  template <class T, std::size_t Extent>
  void append(std::span<T, Extent> part) {
    const auto bytes = std::as_bytes(part);
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
  }
  [[nodiscard]] std::vector<std::byte> take() { return std::move(bytes_); }

 private:
  std::vector<std::byte> bytes_;
};

/// One of the three tables: words a record, and which of them are names, by bits.
struct Form {
  std::uint32_t words, names;
};
constexpr Form kFuncForm{2, 0}, kLineForm{4, 1 << 1 | 1 << 2}, kRelocForm{4, 1 << 2};

/// The size of a record, then blocks of a section's name, a count and records. Blocks are let go once written.
void append_table(Image& image, std::vector<Graph::Block>& blocks, Form form, const StringTable& old,
                  StringTable& strings) {
  if (blocks.empty()) return;
  const std::uint32_t record_bytes = form.words * sizeof(std::uint32_t);
  image.append(std::span(&record_bytes, 1));
  for (Graph::Block& block : blocks) {
    Words words = std::move(block.words);
    for (std::size_t at = 0; at < words.size(); ++at)
      if ((form.names >> at % form.words & 1) != 0) words[at] = strings.add(old.at(words[at]));
    const std::uint32_t head[] = {strings.add(block.section), static_cast<std::uint32_t>(words.size() / form.words)};
    image.append(std::span(head));
    image.append(std::span(words));
  }
}

std::uint64_t table_bytes(const std::vector<Graph::Block>& blocks) {
  std::uint64_t bytes = blocks.empty() ? 0 : sizeof(std::uint32_t);
  for (const Graph::Block& block : blocks) bytes += 8 + block.words.size() * sizeof(std::uint32_t);
  return bytes;
}

tl::unexpected<Error> too_large() { return fail(ErrorCode::limit, "btf", "types take more than 4 GiB"); }

Result<std::vector<std::byte>> write_ext(Graph::Tables& tables, const StringTable& old, StringTable& strings) {
  const std::uint64_t funcs = table_bytes(tables.funcs), lines = table_bytes(tables.lines),
                      relocs = table_bytes(tables.relocs), total = funcs + lines + relocs;
  if (total == 0) return std::vector<std::byte>();
  if (total > std::numeric_limits<std::uint32_t>::max()) return too_large();
  const auto word = [](std::uint64_t value) { return static_cast<std::uint32_t>(value); };
  const RawExtHeader header{.magic = kMagic,
                            .version = kVersion,
                            .flags = 0,
                            .hdr_len = sizeof(RawExtHeader),
                            .func_off = 0,
                            .func_len = word(funcs),
                            .line_off = word(funcs),
                            .line_len = word(lines),
                            .relo_off = word(funcs + lines),
                            .relo_len = word(relocs)};
  Image image(sizeof header + total);
  image.append(std::span(&header, 1));
  append_table(image, tables.funcs, kFuncForm, old, strings);
  append_table(image, tables.lines, kLineForm, old, strings);
  append_table(image, tables.relocs, kRelocForm, old, strings);
  return image.take();
}

}  // namespace

Result<Graph::Written> Graph::write(Tables tables) && {
  StringTable strings;
  for (TypeId id = 1; id < size(); ++id)
    visit_words(std::span(words_).subspan(starts_[id], starts_[id + 1] - starts_[id]), name_places(kind(id)),
                [&](std::uint32_t& name) { name = strings.add(names_.at(name)); });
  auto ext = write_ext(tables, names_, strings);
  if (!ext) return fail(std::move(ext).error());
  const std::uint64_t type_bytes = words_.size() * sizeof words_[0], total = type_bytes + strings.bytes().size();
  if (strings.full() || total > std::numeric_limits<std::uint32_t>::max()) return too_large();
  const RawHeader header{.magic = kMagic,
                         .version = kVersion,
                         .flags = 0,
                         .hdr_len = sizeof(RawHeader),
                         .type_off = 0,
                         .type_len = static_cast<std::uint32_t>(type_bytes),
                         .str_off = static_cast<std::uint32_t>(type_bytes),
                         .str_len = static_cast<std::uint32_t>(strings.bytes().size())};
  Image image(sizeof header + total);
  image.append(std::span(&header, 1));
  image.append(std::span(words_));
  words_ = {};
  image.append(std::span(strings.bytes()));
  return Written{.types = image.take(), .ext = *std::move(ext)};
}

}  // namespace skep::btf

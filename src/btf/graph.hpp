// Types that are still being put together: out of several parsed graphs into one that can be written.
//
// A Graph holds types as BTF lays them out, in 32-bit words, so that two are the same when their words are; names are
// offsets in a table of its own. Ids count from 1, 0 is void. Nothing here is checked: what goes in comes from parsed
// BTF, and whoever changes ids changes them to ones that exist.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/string_table.hpp"
#include "btf/btf.hpp"

namespace skep::btf {

class Graph {
 public:
  /// Names take at most `most_name_bytes`; past them full() is true and the graph useless.
  explicit Graph(std::uint64_t most_name_bytes = UINT32_MAX) : names_(most_name_bytes), starts_{0, 0} {}

  /// Appends all types of `btf`, which must outlive the graph; type `id` of it becomes `first + id - 1`, where `first`
  /// is what is given back. They refer to each other by their new ids.
  TypeId add_all(const Btf& btf);
  /// Appends a section; `name` must outlive the graph. Holds at most 65535 variables.
  TypeId add_section(std::string_view name, std::uint32_t bytes, std::span<const SectionVar> vars);

  /// Number of ids, void included.
  [[nodiscard]] TypeId size() const { return static_cast<TypeId>(starts_.size() - 1); }
  [[nodiscard]] bool full() const { return names_.full(); }
  /// The words of a type: name, kind and count, size or type, then what the kind has.
  [[nodiscard]] std::span<const std::uint32_t> words(TypeId id) const {
    return {words_.data() + starts_[id], starts_[id + 1] - starts_[id]};
  }
  [[nodiscard]] Kind kind(TypeId id) const { return static_cast<Kind>(words(id)[1] >> 24 & 0x1f); }
  [[nodiscard]] bool kind_flag(TypeId id) const { return words(id)[1] >> 31 != 0; }
  [[nodiscard]] std::uint32_t vlen(TypeId id) const { return words(id)[1] & 0xffff; }
  /// Offset of its name: equal for equal names, 0 for none.
  [[nodiscard]] std::uint32_t name(TypeId id) const { return words(id)[0]; }

  /// Replaces types: `to[id]` is the type that takes the place of `id`, itself where it stays, kDropped where nothing
  /// refers to it any more. A type that takes another's place must stay. Ids become dense again, in their old order;
  /// what is given back leads from old ids to new ones, 0 for dropped ones.
  static constexpr TypeId kDropped = 0xffffffff;
  [[nodiscard]] std::vector<TypeId> replace(std::span<const TypeId> to);

  /// Makes room for all types of these, so that appending them moves nothing.
  void reserve(std::size_t types, std::size_t bytes);
  /// Offset of a name in the graph's table, for the words of records.
  [[nodiscard]] std::uint32_t add_name(std::string_view name) { return names_.add(name); }

  /// Records of .BTF.ext of one section, in words as the file has them, but for names, which are add_name()'s.
  struct Block {
    std::string_view section;
    std::vector<std::uint32_t> words;
  };
  struct Tables {
    std::vector<Block> funcs, lines, relocs;  ///< 2, 4 and 4 words a record
  };
  /// The contents of a .BTF section and of a .BTF.ext section whose records refer to it.
  struct Written {
    std::vector<std::byte> types;
    std::vector<std::byte> ext;  ///< empty when there are no records
  };
  /// Strings are written once each, and only those in use. Takes the graph and the tables apart on the way. Errors:
  /// limit, past 4 GiB.
  [[nodiscard]] Result<Written> write(Tables tables) &&;

 private:
  void append(std::span<const std::uint32_t> words) { words_.insert(words_.end(), words.begin(), words.end()); }
  void append(std::initializer_list<std::uint32_t> words) { words_.insert(words_.end(), words); }
  void append_type(const Btf& btf, const Type& type, TypeId shift);

  StringTable names_;
  std::vector<std::uint32_t> words_;
  std::vector<std::uint32_t> starts_;  ///< by id: where its words begin; one more at the end
};

/// Which words of a type are ids of other types, or names: some at fixed places, then one in each element.
struct WordPlaces {
  std::uint8_t fixed = 0;  ///< bit n: word n
  std::uint8_t first = 0;  ///< of the first element
  std::uint8_t step = 0;   ///< words an element takes; 0: no elements
};
[[nodiscard]] WordPlaces type_places(Kind kind) noexcept;
[[nodiscard]] WordPlaces name_places(Kind kind) noexcept;

/// Calls `visit` with each of these words of a type.
template <class Word, class Visit>
void visit_words(std::span<Word> words, WordPlaces places, Visit visit) {
  for (std::size_t at = 0; places.fixed >> at != 0; ++at)
    if ((places.fixed >> at & 1) != 0) visit(words[at]);
  if (places.step == 0) return;
  for (std::size_t at = places.first; at < words.size(); at += places.step) visit(words[at]);
}

}  // namespace skep::btf

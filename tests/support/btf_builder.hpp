// BTF by hand: a builder that writes what it is told, right or wrong, so that tests can make any file.
#pragma once

#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "btf/btf.hpp"

namespace skep::testing {

/// Collects types in order; each add gives the new type's id. `info` helpers: kind in bits 24..28, vlen in 0..15.
class BtfBuilder {
 public:
  using Kind = btf::Kind;
  using Words = std::initializer_list<std::uint32_t>;
  static constexpr std::uint32_t kFlag = 1u << 31;

  BtfBuilder() = default;
  /// For a split part that stands on `base`.
  struct Split {};
  BtfBuilder(const BtfBuilder& base, Split)
      : base_strings_(base.base_strings_ + static_cast<std::uint32_t>(base.strings_.size())),
        strings_(),
        next_(base.next_) {}

  static std::uint32_t info(Kind kind, std::uint32_t vlen = 0) { return static_cast<std::uint32_t>(kind) << 24 | vlen; }

  /// Offset of a string, added if it is not there yet.
  std::uint32_t string(std::string_view text) {
    if (text.empty()) return 0;
    const auto offset = base_strings_ + static_cast<std::uint32_t>(strings_.size());
    strings_.append(text);
    strings_.push_back('\0');
    return offset;
  }
  /// A type of any words after its name.
  std::uint32_t add(std::string_view name, std::uint32_t info, std::uint32_t size_or_type, Words rest = {}) {
    append({string(name), info, size_or_type});
    append(rest);
    return next_++;
  }
  std::uint32_t integer(std::string_view name, std::uint32_t bytes, std::uint32_t encoding = 0) {
    return add(name, info(Kind::int_), bytes, {encoding << 24 | bytes * 8});
  }
  std::uint32_t ref(Kind kind, std::uint32_t type, std::string_view name = "") { return add(name, info(kind), type); }
  std::uint32_t array(std::uint32_t type, std::uint32_t count) {
    return add("", info(Kind::array), 0, {type, 1, count});
  }
  struct Field {
    std::string_view name;
    std::uint32_t type, bit, width = 0;
  };
  std::uint32_t composite(Kind kind, std::string_view name, std::uint32_t bytes, std::initializer_list<Field> fields,
                          bool bit_fields = false) {
    const auto id = add(name, info(kind, static_cast<std::uint32_t>(fields.size())) | (bit_fields ? kFlag : 0), bytes);
    for (const Field& each : fields) append({string(each.name), each.type, each.bit | each.width << 24});
    return id;
  }
  std::uint32_t structure(std::string_view name, std::uint32_t bytes, std::initializer_list<Field> fields) {
    return composite(Kind::struct_, name, bytes, fields);
  }
  /// More words of the type that was added last.
  void append_words(Words words) { append(words); }
  /// Id that the next type will get.
  [[nodiscard]] std::uint32_t next() const { return next_; }

  /// The file. Words 2, 3, 4 and 5 of the header are type offset and length, string offset and length.
  [[nodiscard]] std::vector<std::byte> bytes() const {
    const auto types = static_cast<std::uint32_t>(4 * words_.size());
    const std::uint32_t header[] = {0x0001eb9f, 24, 0, types, types, static_cast<std::uint32_t>(strings_.size())};
    std::vector<std::byte> out(sizeof header + types + strings_.size());
    std::memcpy(out.data(), header, sizeof header);
    if (types != 0) std::memcpy(out.data() + sizeof header, words_.data(), types);
    if (!strings_.empty()) std::memcpy(out.data() + sizeof header + types, strings_.data(), strings_.size());
    return out;
  }
  [[nodiscard]] Result<std::shared_ptr<const btf::Btf>> parse() const { return btf::Btf::parse(bytes()); }

 private:
  void append(Words words) {
    for (const std::uint32_t word : words) words_.push_back(word);
  }

  std::vector<std::uint32_t> words_;
  std::uint32_t base_strings_ = 0;
  std::string strings_ = std::string(1, '\0');
  std::uint32_t next_ = 1;
};

}  // namespace skep::testing

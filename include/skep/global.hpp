// Global variables of an object: found by name through its BTF, read and written in place.
//
// They lie in the object's maps .data, .bss, .rodata, .kconfig and .data.NAME, of which programs use the same memory. A
// Variable or Global is a cheap handle that keeps its object alive. Reading and writing may happen from any thread at
// any time, also while programs run, as with the memory that a libbpf skeleton maps: a number of 1, 2, 4 or 8 bytes is
// read and written whole, larger values piece by piece, and nothing is ordered. .rodata can be written between open and
// load (see OpenObject), .kconfig never (see ObjectOptions::externs).
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <skep/error.hpp>

namespace skep {

struct ObjectData;

namespace loader {
struct GlobalVar;
}

/// What can stand for a variable's bytes. Pointers of programs mean nothing here: take them for std::uint64_t.
template <class T>
concept GlobalValue = std::is_trivially_copyable_v<T> && std::is_default_constructible_v<T> && !std::is_pointer_v<T>;

/// What an application takes a variable for.
enum class ValueKind : std::uint8_t {
  bytes,            ///< a struct, union or array: the size decides
  boolean,          ///< bool
  character,        ///< char, which has either sign
  signed_number,    ///< an integer type
  unsigned_number,  ///< likewise
  enumeration,      ///< an enum
  floating,         ///< float, double
};

template <class T>
[[nodiscard]] constexpr ValueKind value_kind_of() noexcept {
  if constexpr (std::is_same_v<T, bool>) return ValueKind::boolean;
  if constexpr (std::is_same_v<T, char>) return ValueKind::character;
  if constexpr (std::is_enum_v<T>) return ValueKind::enumeration;
  if constexpr (std::is_floating_point_v<T>) return ValueKind::floating;
  if constexpr (std::is_integral_v<T>)
    return std::is_signed_v<T> ? ValueKind::signed_number : ValueKind::unsigned_number;
  return ValueKind::bytes;
}

/// A variable as so many bytes, with what the object tells of it.
class Variable {
 public:
  [[nodiscard]] const std::string& name() const;
  /// Of the map it lies in, ".data.custom".
  [[nodiscard]] const std::string& section() const;
  [[nodiscard]] std::size_t size() const;
  /// Where it starts in its section, bytes.
  [[nodiscard]] std::size_t offset() const;
  /// Its declaration in C, "const volatile int debug"; the name alone where the object has no BTF for it.
  [[nodiscard]] std::string declaration() const;
  /// Static or hidden: another object may have a variable of the same name.
  [[nodiscard]] bool local() const;

  /// A copy of its bytes. not_found when its section is not there: see OpenMap::set_autocreate.
  [[nodiscard]] Result<std::vector<std::byte>> read() const;
  /// Stores exactly size() bytes. EPERM once the section is frozen: .rodata from load on, .kconfig always.
  Result<void> write(std::span<const std::byte> bytes) const;

  /// Whether it may be taken for a value of this kind and size. The size must be equal. Where BTF tells the type, so
  /// must the kind, signs included: signed and unsigned integers are not taken for each other, nor is a bool for
  /// anything but a bool or an unsigned byte. Enums are taken for enums and integers, pointers for unsigned integers,
  /// structs and arrays for bytes; bytes for everything.
  [[nodiscard]] Result<void> check(ValueKind kind, std::size_t size) const;

  /// For the library's own rooms: the type's id in the object's BTF, 0 when unknown.
  [[nodiscard]] std::uint32_t btf_type() const;

 private:
  friend struct VariableFinder;
  Variable(std::shared_ptr<const ObjectData> owner, std::uint32_t map, std::uint32_t index)
      : owner_(std::move(owner)), map_(map), index_(index) {}
  [[nodiscard]] const loader::GlobalVar& here() const;
  [[nodiscard]] Result<std::byte*> memory() const;

  std::shared_ptr<const ObjectData> owner_;
  std::uint32_t map_;    ///< in the object's maps
  std::uint32_t index_;  ///< in that map's variables
};

/// A variable as a value of type T, or the Error that kept it from being one: there is no such variable, there are
/// several, or it has another type (see Variable::check). Used like a Result:
///
///     object->global<int>("debug") = 1;
///     if (auto hits = object->global<std::uint64_t>("hits")) std::printf("%lu\n", *hits);
template <GlobalValue T>
class Global {
 public:
  explicit Global(Result<Variable> where) : where_(std::move(where)) {
    if (!where_) return;
    if (auto fits = where_->check(value_kind_of<T>(), sizeof(T)); !fits) where_ = fail(std::move(fits).error());
  }
  Global(const Global&) = default;
  Global& operator=(const Global&) = delete;  // would it copy the value, or the handle? say which

  [[nodiscard]] bool has_value() const noexcept { return where_.has_value(); }
  [[nodiscard]] explicit operator bool() const noexcept { return has_value(); }
  /// Only without a value.
  [[nodiscard]] const Error& error() const { return where_.error(); }
  /// Only with one.
  [[nodiscard]] const Variable& variable() const { return *where_; }

  /// The value as it is now; a byte that is not 0 reads as true.
  [[nodiscard]] Result<T> get() const {
    if (!where_) return fail(where_.error());
    const auto bytes = where_->read();
    if (!bytes) return fail(bytes.error());
    if constexpr (std::is_same_v<T, bool>) {
      return bytes->front() != std::byte{0};
    } else {
      T value;
      std::memcpy(static_cast<void*>(&value), bytes->data(), sizeof(T));
      return value;
    }
  }
  /// The same where the variable is known to be there; undefined where it is not.
  [[nodiscard]] T operator*() const { return *get(); }
  /// Errors: that of the handle; EPERM for what is frozen.
  Result<void> set(const T& value) const {
    if (!where_) return fail(where_.error());
    return where_->write(std::as_bytes(std::span(&value, 1)));
  }
  Result<void> operator=(const T& value) const { return set(value); }

 private:
  Result<Variable> where_;
};

}  // namespace skep

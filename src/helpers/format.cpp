// Formatting in two passes, as Linux does it: prepare reads the format, fetches what the arguments point to and finds
// every error; render writes. All state is on the stack, and its size does not depend on the program.
#include "helpers/format.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>

#include "helpers/ctype.hpp"
#include "helpers/memory.hpp"

namespace skep::helpers {
namespace {

constexpr std::size_t kPoolBytes = 512;
constexpr std::int32_t kNoWidth = -1;
constexpr std::int32_t kMaxWidth = (1 << 23) - 1;
constexpr std::int32_t kPointerDigits = 16;

enum class Kind : std::uint8_t { signed_, unsigned_, hex, hex_upper, pointer, symbol, text, bare_text, character };

struct Flags {
  bool left = false;
  bool plus = false;
  bool space = false;
  bool zero = false;
};

/// One % form and its argument.
struct Directive {
  std::size_t begin = 0;  ///< of the '%' in the format
  std::size_t end = 0;
  Kind kind = Kind::signed_;
  Flags flags;
  std::int32_t width = kNoWidth;
  std::uint64_t value = 0;
  std::string_view text;  ///< in the pool
};

/// Short text in the making: an address, a number.
class ShortText {
 public:
  void character(char c) noexcept { text_[size_++] = c; }
  void number(std::uint64_t value, int base, std::size_t min_digits = 1) noexcept {
    std::array<char, 20> digits;
    const char* end = std::to_chars(digits.data(), digits.data() + digits.size(), value, base).ptr;
    const auto count = static_cast<std::size_t>(end - digits.data());
    for (std::size_t i = count; i < min_digits; ++i) character('0');
    for (const char* digit = digits.data(); digit != end; ++digit) character(*digit);
  }
  void upper_case() noexcept {
    for (char& c : text_) c = c >= 'a' && c <= 'f' ? static_cast<char>(c - 'a' + 'A') : c;
  }
  [[nodiscard]] std::string_view view() const noexcept { return {text_.data(), size_}; }

 private:
  std::array<char, 40> text_{};  // the longest is an IPv6 address, 39
  std::size_t size_ = 0;
};

// Where Linux prints symbol+offset, when the address has a symbol.
ShortText symbol_text(std::uint64_t address) noexcept {
  ShortText text;
  text.character('0');
  text.character('x');
  text.number(address, 16);
  return text;
}

/// The conversions that take a number: how wide it is says the length modifier.
struct NumberKind {
  char letter;
  Kind kind;
};
constexpr NumberKind kNumberKinds[] = {
    {'d', Kind::signed_}, {'i', Kind::signed_}, {'u', Kind::unsigned_}, {'x', Kind::hex}, {'X', Kind::hex_upper},
};

class Prepared {
 public:
  Prepared(Env& env, std::string_view format, std::span<const std::uint64_t> args)
      : env_(env), format_(format), args_(args) {}

  /// 0 or a negative errno.
  int prepare() noexcept;
  [[nodiscard]] std::span<const Directive> directives() const noexcept { return {directives_.data(), count_}; }

 private:
  [[nodiscard]] unsigned char at(std::size_t i) const noexcept {
    return i < format_.size() ? static_cast<unsigned char>(format_[i]) : 0;
  }
  void read_flags_and_width(Directive& directive) noexcept;
  int read_directive() noexcept;
  int read_pointer(Directive& directive) noexcept;
  int read_number(Directive& directive) noexcept;

  // What an argument takes of the pool.
  int take_number(std::size_t bytes) noexcept;
  int take_character(Directive& directive) noexcept;
  int take_string(Directive& directive, MemorySpace space) noexcept;
  int take_ip(Directive& directive, bool dense, bool v6) noexcept;
  int take_symbol(Directive& directive) noexcept;
  void take_text(Directive& directive, std::string_view text) noexcept;

  Env& env_;
  std::string_view format_;
  std::span<const std::uint64_t> args_;
  std::size_t pos_ = 0;  // behind what was read
  std::array<Directive, kMaxFormatArgs> directives_;
  std::size_t count_ = 0;
  std::array<char, kPoolBytes> pool_;
  std::size_t used_ = 0;  // of the pool, at most kPoolBytes
};

int Prepared::prepare() noexcept {
  while (pos_ < format_.size()) {
    const unsigned char c = at(pos_);
    if (is_ascii(c) && !is_printable_ascii(c) && !is_space(c)) return -EINVAL;
    if (c != '%') {
      ++pos_;
    } else if (at(pos_ + 1) == '%') {
      pos_ += 2;
    } else if (const int error = read_directive(); error != 0) {
      return error;
    }
  }
  return 0;
}

int Prepared::read_directive() noexcept {
  if (count_ >= args_.size() || count_ >= directives_.size()) return -EINVAL;
  Directive& directive = directives_[count_];
  directive.begin = pos_++;
  directive.value = args_[count_];
  read_flags_and_width(directive);

  int error = 0;
  const unsigned char c = at(pos_);
  if (c == 'p') {
    ++pos_;
    error = read_pointer(directive);
  } else if (c == 's') {
    ++pos_;
    directive.kind = Kind::text;
    error = take_string(directive, space_of(directive.value));
  } else if (c == 'c') {
    ++pos_;
    error = take_character(directive);
  } else {
    error = read_number(directive);
  }
  directive.end = pos_;
  ++count_;
  return error;
}

void Prepared::read_flags_and_width(Directive& directive) noexcept {
  for (;; ++pos_) {
    const unsigned char c = at(pos_);
    if (c == '-')
      directive.flags.left = true;
    else if (c == '+')
      directive.flags.plus = true;
    else if (c == ' ')
      directive.flags.space = true;
    else if (c == '0')
      directive.flags.zero = true;
    else
      break;
  }
  if (!is_digit(at(pos_))) return;
  std::uint32_t width = 0;  // wraps, as Linux' does
  for (; is_digit(at(pos_)); ++pos_) width = width * 10 + (at(pos_) - '0');
  directive.width = std::min(static_cast<std::int32_t>(width), kMaxWidth);
}

int Prepared::read_number(Directive& directive) noexcept {
  std::size_t longs = 0;
  for (; longs < 2 && at(pos_) == 'l'; ++longs) ++pos_;
  const auto* found = std::ranges::find(kNumberKinds, static_cast<char>(at(pos_)), &NumberKind::letter);
  if (found == std::end(kNumberKinds)) return -EINVAL;
  ++pos_;
  directive.kind = found->kind;
  if (longs == 0)
    directive.value = found->kind == Kind::signed_
                          ? static_cast<std::uint64_t>(std::int64_t{static_cast<std::int32_t>(directive.value)})
                          : static_cast<std::uint32_t>(directive.value);
  return take_number(longs == 0 ? sizeof(std::int32_t) : sizeof(std::int64_t));
}

int Prepared::read_pointer(Directive& directive) noexcept {
  const unsigned char first = at(pos_);
  const unsigned char second = at(pos_ + 1);
  int error = -EINVAL;
  if ((first == 'k' || first == 'u') && second == 's') {
    pos_ += 2;
    directive.kind = Kind::bare_text;
    error = take_string(directive, first == 'k' ? MemorySpace::kernel : MemorySpace::user);
  } else if (first == 0 || is_space(first) || is_punct(first) || first == 'K' || first == 'x') {
    directive.kind = Kind::pointer;
    error = take_number(sizeof(std::uint64_t));
  } else if (first == 's' || first == 'S') {
    directive.kind = Kind::symbol;
    error = take_number(sizeof(std::uint64_t));
  } else if (first == 'B') {
    error = take_symbol(directive);
  } else if ((first == 'i' || first == 'I') && (second == '4' || second == '6')) {
    error = take_ip(directive, first == 'i', second == '6');
  }
  while (is_alnum(at(pos_))) ++pos_;
  return error;
}

int Prepared::take_number(std::size_t bytes) noexcept {
  const std::size_t start = (used_ + 3) / 4 * 4;
  if (start + bytes > kPoolBytes) return -ENOSPC;
  used_ = start + bytes;
  return 0;
}

int Prepared::take_character(Directive& directive) noexcept {
  if (used_ == kPoolBytes) return -ENOSPC;
  ++used_;
  directive.kind = Kind::character;
  return 0;
}

int Prepared::take_string(Directive& directive, MemorySpace space) noexcept {
  const unsigned char next = at(pos_);
  if (next != 0 && !is_space(next) && !is_punct(next)) return -EINVAL;
  const std::span<char> room = std::span(pool_).subspan(used_);
  if (room.empty()) return -ENOSPC;
  std::int64_t bytes = read_string(env_, space, directive.value, room);
  if (bytes < 0) {
    room[0] = 0;
    bytes = 1;
  }
  directive.text = {room.data(), static_cast<std::size_t>(bytes - 1)};
  used_ += static_cast<std::size_t>(bytes);
  return 0;
}

int Prepared::take_ip(Directive& directive, bool dense, bool v6) noexcept {
  std::array<std::uint8_t, 16> ip{};
  const std::size_t bytes = v6 ? 16 : 4;
  if (kPoolBytes - used_ < bytes) return -ENOSPC;
  if (!read_memory(env_, MemorySpace::kernel, directive.value, std::as_writable_bytes(std::span(ip).first(bytes))))
    ip.fill(0);
  ShortText text;
  for (std::size_t i = 0; i < bytes; ++i) {
    if (v6) {
      if (!dense && i != 0 && i % 2 == 0) text.character(':');
      text.number(ip[i], 16, 2);
    } else {
      if (i != 0) text.character('.');
      text.number(ip[i], 10, dense ? 3 : 1);
    }
  }
  take_text(directive, text.view());
  return 0;
}

int Prepared::take_symbol(Directive& directive) noexcept {
  take_text(directive, symbol_text(directive.value).view());
  return 0;
}

// Text that Linux prints into the pool at once; cut when the pool ends.
void Prepared::take_text(Directive& directive, std::string_view text) noexcept {
  const std::size_t room = kPoolBytes - used_;
  const std::size_t kept = std::min(text.size(), room == 0 ? 0 : room - 1);
  std::memcpy(pool_.data() + used_, text.data(), kept);
  directive.kind = Kind::bare_text;
  directive.text = {pool_.data() + used_, kept};
  used_ = std::min(used_ + text.size() + 1, kPoolBytes);
}

/// Counts all, keeps what fits.
class Sink {
 public:
  explicit Sink(std::span<char> out) : out_(out) {}

  void fill(char c, std::int64_t count) noexcept {
    if (count <= 0) return;
    if (length_ < out_.size())
      std::memset(out_.data() + length_, c,
                  std::min<std::uint64_t>(static_cast<std::uint64_t>(count), out_.size() - length_));
    length_ += static_cast<std::uint64_t>(count);
  }
  void text(std::string_view text) noexcept {
    if (length_ < out_.size())
      std::copy_n(text.data(), std::min<std::uint64_t>(text.size(), out_.size() - length_), out_.data() + length_);
    length_ += text.size();
  }
  void character(char c) noexcept { fill(c, 1); }

  /// Puts the NUL; the length of everything.
  std::int64_t finish() noexcept {
    if (!out_.empty()) out_[std::min<std::uint64_t>(length_, out_.size() - 1)] = 0;
    return static_cast<std::int32_t>(length_);
  }

 private:
  std::span<char> out_;
  std::uint64_t length_ = 0;
};

void render_padded(Sink& sink, const Directive& directive, std::string_view text) noexcept {
  const std::int64_t padding = directive.width - static_cast<std::int64_t>(text.size());
  if (!directive.flags.left) sink.fill(' ', padding);
  sink.text(text);
  if (directive.flags.left) sink.fill(' ', padding);
}

void render_number(Sink& sink, const Directive& directive) noexcept {
  const Flags& flags = directive.flags;
  std::string_view sign;
  std::uint64_t magnitude = directive.value;
  if (directive.kind == Kind::signed_) {
    if (static_cast<std::int64_t>(magnitude) < 0) {
      sign = "-";
      magnitude = 0 - magnitude;
    } else {
      sign = flags.plus ? "+" : flags.space ? " " : "";
    }
  }
  ShortText text;
  text.number(magnitude, directive.kind == Kind::signed_ || directive.kind == Kind::unsigned_ ? 10 : 16);
  if (directive.kind == Kind::hex_upper) text.upper_case();
  const std::string_view digits = text.view();

  const std::int64_t padding = directive.width - static_cast<std::int64_t>(sign.size() + digits.size());
  const bool zeros = flags.zero && !flags.left;
  if (!flags.left && !zeros) sink.fill(' ', padding);
  sink.text(sign);
  if (zeros) sink.fill('0', padding);
  sink.text(digits);
  if (flags.left) sink.fill(' ', padding);
}

void render_pointer(Sink& sink, Directive directive) noexcept {
  if (directive.width == kNoWidth) {
    directive.width = kPointerDigits;
    directive.flags.zero = true;
  }
  render_number(sink, directive);
}

void render_symbol(Sink& sink, const Directive& directive) noexcept {
  render_padded(sink, directive, symbol_text(directive.value).view());
}

void render(Sink& sink, const Directive& directive) noexcept {
  const auto c = static_cast<char>(directive.value);
  switch (directive.kind) {
    case Kind::signed_:
    case Kind::unsigned_:
    case Kind::hex:
    case Kind::hex_upper:
      return render_number(sink, directive);
    case Kind::pointer:
      return render_pointer(sink, directive);
    case Kind::symbol:
      return render_symbol(sink, directive);
    case Kind::text:
      return render_padded(sink, directive, directive.text);
    case Kind::bare_text:
      return sink.text(directive.text);
    case Kind::character:
      return render_padded(sink, directive, {&c, 1});
  }
}

// Text between directives, where a doubled % stands for one.
void render_plain(Sink& sink, std::string_view text) noexcept {
  while (!text.empty()) {
    const std::size_t percent = text.find('%');
    sink.text(text.substr(0, percent));
    if (percent == std::string_view::npos) return;
    sink.character('%');
    // The program's other threads, or the output itself, may have changed the format since it was checked.
    text.remove_prefix(std::min(percent + 2, text.size()));
  }
}

}  // namespace

std::int64_t format(Env& env, std::string_view format, std::span<const std::uint64_t> args,
                    std::span<char> out) noexcept {
  Prepared prepared(env, format, args);
  if (const int error = prepared.prepare(); error != 0) return error;
  Sink sink(out);
  std::size_t done = 0;
  for (const Directive& directive : prepared.directives()) {
    render_plain(sink, format.substr(done, directive.begin - done));
    render(sink, directive);
    done = directive.end;
  }
  render_plain(sink, format.substr(done));
  return sink.finish();
}

}  // namespace skep::helpers

// Text in columns.
//
// Widths count characters, not bytes, so that "µs" and "…" keep columns straight. The last column is never padded, and
// no line ends in blanks.
#pragma once

#include <string>
#include <vector>

#include "cli/terminal.hpp"

namespace skep::cli {

class Table {
 public:
  enum class Align { left, right, by_content };  ///< by_content: right when every cell is a number, or empty

  struct Cell {
    std::string text;
    Tone tone = Tone::plain;
    Cell(std::string text_, Tone tone_ = Tone::plain) : text(std::move(text_)), tone(tone_) {}
    Cell(const char* text_, Tone tone_ = Tone::plain) : text(text_), tone(tone_) {}
  };

  /// Columns come before rows. A table of which no column has a heading prints none.
  void column(std::string heading, Align align = Align::by_content);
  /// One cell a column; missing ones are empty.
  void row(std::vector<Cell> cells);

  [[nodiscard]] bool empty() const { return rows_.empty(); }
  /// The lines, each indented by `indent` blanks and ended by a newline.
  [[nodiscard]] std::string text(const Paint& paint, std::size_t indent = 2) const;

 private:
  struct Column {
    std::string heading;
    Align align;
  };
  [[nodiscard]] bool is_right(std::size_t column) const;
  [[nodiscard]] std::size_t width(std::size_t column) const;

  std::vector<Column> columns_;
  std::vector<std::vector<Cell>> rows_;
};

/// Characters of UTF-8 text, each taken for one column wide.
[[nodiscard]] std::size_t text_width(std::string_view text) noexcept;

}  // namespace skep::cli

//! How much a store may hold: said with each write that may add, checked inside its transaction.

/// Upper bounds of a store, inclusive; `None` is no bound. They concern the one write they are given with:
/// a store remembers none, so a bound that is raised holds for the next write.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Bounds {
    /// Memories, expired ones that still take their place not counted.
    pub memories: Option<u64>,
    /// Workspaces that hold a memory.
    pub workspaces: Option<u64>,
    /// Bytes of the file's pages that hold something; free pages, which later writes use up first, do not
    /// count. A write that reaches it may go over by nothing: it is rolled back.
    pub file_bytes: Option<u64>,
}

impl Bounds {
    /// No bound at all.
    pub const NONE: Self = Self { memories: None, workspaces: None, file_bytes: None };
}

/// What a bound is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// [`Bounds::memories`].
    Memories,
    /// [`Bounds::workspaces`].
    Workspaces,
    /// [`Bounds::file_bytes`].
    FileBytes,
}

impl Bound {
    /// The bound's name in texts.
    pub fn name(self) -> &'static str {
        match self {
            Self::Memories => "memories",
            Self::Workspaces => "workspaces",
            Self::FileBytes => "file_bytes",
        }
    }
}

/// How much a store holds, in the measures that [`Bounds`] bounds. Read without counting.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Memories, those included that have expired and are not purged yet.
    pub memories: u64,
    /// Workspaces that hold a memory.
    pub workspaces: u64,
    /// Bytes of the file's pages that hold something.
    pub file_bytes: u64,
}

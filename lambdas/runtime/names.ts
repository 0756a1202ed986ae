/** The one namespace of every metric that Holdfast's functions publish. */
export const NAMESPACE = 'Holdfast'
